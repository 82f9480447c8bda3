import { afterAll, beforeAll, expect, test } from 'vitest';

import type { SearchEngine } from '../../../src/lib/search/engine.js';
import { openEngine } from '../../../src/lib/search/open-engine.js';
import type { SolrEngine } from '../../../src/lib/search/solr/engine.js';
import { replayable } from '../../random.js';
import { startHttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { type SearchServer, startSearchServer } from '../../servers/search.js';
import { ModelIndex } from '../../unit/search/model-server.js';
import { metrifyInProcess } from '../../e2e/in-process.js';
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

  test('a collection that is read-only is waited for', async () => {
    const write = async () =>
      statuses(
        await engine.bulk(
          { index: 'things' },
          [operation('index', 'z', { n_i: 1 }), operation('delete', 'none')],
          signal,
        ),
      );
    await admin('MODIFYCOLLECTION', { collection: 'things', readOnly: 'true' });
    expect(await write()).toEqual(['blocked', 404]);
    await admin('MODIFYCOLLECTION', { collection: 'things', readOnly: 'false' });
    expect(await write()).toEqual(['done', 404]);
  });

  test('setup makes its collections once; status finds nothing that is not well', async () => {
    const metrify = (...args: string[]) =>
      metrifyInProcess(['search', ...args, '--solr-url', server.url, '-o', 'json']);
    const result = async (...args: string[]) =>
      (JSON.parse((await metrify(...args)).stdout) as { readonly result: Record<string, unknown> }).result;
    const made = (await result('setup')) as { readonly changes: readonly { readonly what: string }[] };
    expect(made.changes.map(({ what }) => what)).toEqual(
      ['sensors', 'meter-readings', 'events'].map((name) => `collection ${name}`),
    );
    expect(await result('setup')).toMatchObject({ changes: [] });
    const written = await engine.bulk(
      { index: 'events' },
      [operation('index', 'a', { message: 'Gone dark', severity: 'high' })],
      signal,
    );
    expect(statuses(written)).toEqual(['done']);
    await engine.refresh('events', signal);
    expect(await result('status')).toMatchObject({ health: 'green', findings: [] });
    expect(await result('status', 'events')).toMatchObject({
      health: 'green',
      indices: [{ name: 'events', documents: 1, shards: 1 }],
      findings: [],
    });
  });

  test('status names each replica that is missing, and each shard without a leader', async () => {
    const proxy = await startHttpProxy(server.port);
    // As a cluster says it of which one replica recovers, and a node is gone that had all of a shard.
    proxy.fate = ({ url }) =>
      url!.includes('CLUSTERSTATUS')
        ? async (body, forward) => {
            const answer = await forward(body);
            const told = JSON.parse(answer.body.toString()) as ClusterState;
            const { shard1, shard2 } = told.cluster.collections.things.shards;
            Object.values(shard1!.replicas).find(({ leader }) => leader !== 'true')!.state = 'recovering';
            for (const replica of Object.values(shard2!.replicas)) replica.node_name = 'gone:8983_solr';
            return { ...answer, body: JSON.stringify(told) };
          }
        : 'pass';
    const { stdout, code } = await metrifyInProcess([
      ...['search', 'status', 'things', '--check', '--solr-url', `${proxy.url}/solr`],
    ]);
    await proxy.stop();
    expect(code).toBe(3);
    expect(stdout).toMatch(
      /things: a replica of shard 1 is missing \(things_shard1_replica_\w+ is recovering\)/,
    );
    expect(stdout).toMatch(/things: shard 2 cannot be read or written \(things_shard2_replica_\w+ is gone, /);
  });
});

interface ClusterState {
  readonly cluster: {
    readonly collections: {
      readonly things: {
        readonly shards: Readonly<
          Record<
            string,
            { readonly replicas: Record<string, { leader?: string; state: string; node_name: string }> }
          >
        >;
      };
    };
  };
}
