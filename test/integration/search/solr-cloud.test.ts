import { afterAll, beforeAll, expect, test } from 'vitest';

import type { SearchEngine } from '../../../src/lib/search/engine.js';
import { openEngine } from '../../../src/lib/search/open-engine.js';
import type { SolrEngine } from '../../../src/lib/search/solr/engine.js';
import { replayable } from '../../random.js';
import { needs } from '../../servers/needs.js';
import { type SearchServer, startSearchServer } from '../../servers/search.js';
import { ModelIndex } from '../../unit/search/model-server.js';
import { operation, statuses } from './contract/port-under-test.js';
import { timeouts } from './index-fixture.js';

/* Two shards of two replicas on one node: requests are handed on to the leader of a document's shard. */
needs('search')('a collection of SolrCloud', () => {
  let server: SearchServer;
  let engine: SearchEngine;
  const { signal } = new AbortController();
  const admin = async (action: string, parameters: Record<string, string>) => {
    const query = new URLSearchParams({ action, ...parameters }).toString();
    const answer = await fetch(`${server.url}/admin/collections?${query}`);
    expect(answer.status, await answer.clone().text()).toBe(200);
  };
  const create = (name: string) =>
    admin('CREATE', { name, numShards: '2', replicationFactor: '2', 'collection.configName': '_default' });
  beforeAll(async () => {
    server = await startSearchServer('solr-9', { cloud: true });
    engine = await openEngine('solr', { urls: [server.url] }, timeouts, AbortSignal.timeout(60_000));
    await create('things');
  });
  afterAll(async () => {
    engine?.close();
    await server?.stop();
  });

  test('random operations leave what the rules say, whichever node is to carry them out', async () => {
    const { random } = replayable('operations on a collection');
    const model = new ModelIndex();
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const ids = Array.from({ length: 12 }, (_, i) => `d${i}`);
    for (let round = 0; round < 6; round++) {
      const operations = Array.from({ length: 20 }, () => {
        const kind = pick(['index', 'create', 'update', 'delete'] as const);
        const bad = kind === 'index' && random() < 0.3;
        const source = bad ? { n_i: 'bad' } : { [pick(['n_i', 'm_l'])]: Math.floor(random() * 100) };
        return operation(kind, pick(ids), kind === 'delete' ? undefined : source);
      });
      const outcomes = await engine.bulk({ index: 'things' }, operations, signal);
      expect(statuses(outcomes)).toEqual(statuses(operations.map((one) => model.carryOut(one))));
    }
    await engine.refresh('things', signal);
    const held: [string, unknown][] = [];
    for await (const page of engine.scan('things', { signal, pageSize: 3 }))
      for (const { id, source } of page) {
        const { id: _, ...members } = JSON.parse(source) as Record<string, unknown>;
        held.push([id, members]);
      }
    const wanted = model.sources().map(([id, source]) => [id, JSON.parse(source) as unknown]);
    expect(held.sort()).toEqual(wanted);
    expect(await engine.count('things', signal)).toBe(wanted.length);
  });

  test('an alias is one, and each collection has an identity', async () => {
    await admin('CREATEALIAS', { name: 'named', collections: 'things' });
    const things = await engine.describe('things', signal);
    expect(await engine.describe('named', signal)).toEqual({ ...things, isAlias: true });
    await create('other');
    const before = await engine.describe('other', signal);
    await admin('DELETE', { name: 'other' });
    expect(await engine.describe('other', signal)).toBeUndefined();
    await create('other');
    const after = await engine.describe('other', signal);
    expect(after!.indices[0]!.uuid).not.toBe(before!.indices[0]!.uuid);
    expect((engine as SolrEngine).client.isCloud).toBe(true);
    expect(await engine.count('named', signal)).toBe(await engine.count('things', signal));
  });
});
