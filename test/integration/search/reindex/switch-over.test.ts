import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { systemClock } from '../../../../src/lib/core/clock.js';
import { openElastic } from '../../../../src/lib/search/elastic/engine.js';
import { Journal } from '../../../../src/lib/search/reindex/journal.js';
import { prepareRollback, rollback } from '../../../../src/lib/search/reindex/rollback.js';
import { type Fate, startHttpProxy } from '../../../servers/http-proxy.js';
import { needs } from '../../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../../servers/search.js';
import { timeouts } from '../index-fixture.js';
import { Cluster } from './cluster.js';

const numbers = { properties: { n: { type: 'long' } } };
const document = (i: number) => `{"n":${i},"name":"sensor ${i}"}`;

needs('search')('the alias of a reindex moves only to what is whole', () => {
  let server: SharedSearch;
  let cluster: Cluster;
  let folder: string;
  let made = 0;
  const name = () => `${server.prefix}r${++made}`;
  const written = async (file: string, content: object) => {
    const path = join(folder, file);
    await writeFile(path, JSON.stringify(content));
    return path;
  };
  beforeAll(async () => {
    server = await searchServer('elasticsearch-9');
    cluster = new Cluster(server.url, { 'translog.durability': 'async' });
    folder = await mkdtemp(join(tmpdir(), 'metrify-reindex-'));
  });
  afterAll(async () => {
    await cluster.clean(server.prefix);
    await server.release();
    await rm(folder, { recursive: true });
  });

  test('writes are taken again when the swap fails', async () => {
    const alias = name();
    const old = await cluster.createSeries(alias, numbers);
    const documents = await cluster.fill(alias, 100, document);
    const proxy = await startHttpProxy(Number(new URL(server.url).port));
    try {
      let wasFrozen = false;
      proxy.fate = async ({ url }) => {
        if (!url!.startsWith('/_aliases')) return 'pass';
        const { [old]: settings } = await cluster.ask('GET', `/${old}/_settings`);
        wasFrozen = settings.settings.index.blocks.write === 'true';
        return 'refuse';
      };
      const failed = await new Cluster(proxy.url).reindex(alias);
      expect(failed.code, failed.stderr).toBe(5);
      expect(wasFrozen).toBe(true);
    } finally {
      await proxy.stop();
    }
    expect(await cluster.alias(alias)).toEqual({ [old]: {} });
    await cluster.ask('PUT', `/${alias}/_doc/late?require_alias=true`, { n: -1 });
    documents.set('late', { n: -1 });

    const resumed = await cluster.reindex(alias, '--resume');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(await cluster.documents(`${alias}-000002`)).toEqual(documents);
  });

  /** Runs it through a proxy that calls `before` with each request's method and URL before it is sent on. */
  async function watched(before: (request: string) => unknown, ...args: string[]) {
    const proxy = await startHttpProxy(Number(new URL(server.url).port));
    proxy.fate = async ({ method, url }): Promise<Fate> => {
      await before(`${method} ${url}`);
      return 'pass' as const;
    };
    try {
      return await new Cluster(proxy.url).reindex(...args);
    } finally {
      await proxy.stop();
    }
  }

  test.each([
    {
      when: 'just before writes stop',
      at: 1,
      request: (alias: string) => `/${alias}-000001/_block`,
      flags: [],
    },
    {
      when: 'after the comparison, and writes do not stop',
      at: 2,
      request: (alias: string) => `/${alias}-000002/_refresh`,
      flags: ['--no-freeze'],
    },
  ])('a document that the new mapping refuses keeps the alias where it is: written $when', async (late) => {
    const alias = name();
    const old = await cluster.createSeries(alias, { properties: { n: { type: 'keyword' } } });
    const documents = await cluster.fill(alias, 2, document);
    const mapping = await written('late.json', numbers);
    let met = 0;
    const { code, stderr, json } = await watched(
      async (request) => {
        if (!request.includes(late.request(alias)) || ++met !== late.at) return;
        await cluster.ask('PUT', `/${alias}/_doc/late`, { n: 'words' });
      },
      ...[alias, '--mapping', mapping, '--freeze', '60s', ...late.flags],
    );
    expect(code, stderr).toBe(6);
    expect(json().result).toMatchObject({ swapped: false, rejected: 1 });
    expect(await cluster.alias(alias)).toEqual({ [old]: {} });
    await cluster.ask('PUT', `/${alias}/_doc/late`, { n: 3 }); // It takes writes.
    documents.set('late', { n: 3 });
    const resumed = await cluster.reindex(alias, '--resume');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(await cluster.documents(`${alias}-000002`)).toEqual(documents);
  });

  test('what was mended without writes is compared again before the alias moves', async () => {
    const alias = name();
    await cluster.createSeries(alias, numbers);
    const documents = await cluster.fill(alias, 10, document);
    const next = `${alias}-000002`;
    let [isFrozen, isCounted] = [false, false];
    let strangers = 0;
    const { code, stderr } = await watched(
      async (request) => {
        if (request.includes('/_block')) {
          isFrozen = true;
          documents.delete('d3');
          await cluster.ask('DELETE', `/${alias}/_doc/d3`);
        } else if (request.includes(`/${next}/_count`)) isCounted = isFrozen;
        else if (isCounted && request.includes('_bulk') && strangers++ === 0)
          await cluster.ask('PUT', `/${next}/_doc/stranger`, { n: 0 });
      },
      ...[alias, '--freeze', '60s'],
    );
    expect(code, stderr).toBe(0);
    expect(strangers).toBe(2);
    expect(await cluster.documents(next)).toEqual(documents);
  });

  test('a run says that it works while it compares, and ends when it was taken over', async () => {
    const index = await cluster.createSeries(name(), numbers);
    const signal = AbortSignal.timeout(60_000);
    const engine = await openElastic({ urls: [server.url] }, timeouts, signal);
    const { client } = engine;
    // Hours pass at once.
    const clock = { ...systemClock, sleep: () => systemClock.sleep(10) };
    const state = { run: 'r', destination: { name: 'd', uuid: 'u' }, reached: [-1, -1], frozen: false };
    const seenAt = async () =>
      (await cluster.ask('GET', `/${index}/_mapping`))[index].mappings._meta.metrify_reindex.holder.seenAt;
    try {
      const journal = await Journal.open(client, index, state, clock, signal);
      const before = await seenAt();
      const work = journal.whileHeld(signal, async (held) => {
        while ((await seenAt()) === before) held.throwIfAborted();
        const other = { ...journal.state, holder: { ...journal.state.holder!, token: 'other' } };
        while (!held.aborted)
          await cluster.ask('PUT', `/${index}/_mapping`, { _meta: { metrify_reindex: other } });
        held.throwIfAborted();
      });
      await expect(work).rejects.toMatchObject({ code: 'REINDEX_RUNS' });
    } finally {
      engine.close();
    }
  });

  describe('a rollback', () => {
    /** A reindexed alias, a proxy in front of the server, and the engine that goes through it. */
    async function swapped() {
      const alias = name();
      const old = await cluster.createSeries(alias, numbers);
      await cluster.fill(alias, 3, document);
      const { code, stderr } = await cluster.reindex(alias);
      expect(code, stderr).toBe(0);
      return { alias, old, next: `${alias}-000002` };
    }
    const takesWrites = async (alias: string) =>
      (await cluster.ask('PUT', `/${alias}/_doc/later?require_alias=true`, { n: 1 }))._id === 'later';

    test.each(['stopped', 'refused'])('that is %s leaves the live index with writes', async (how) => {
      const { alias, next } = await swapped();
      const proxy = await startHttpProxy(Number(new URL(server.url).port));
      const stop = new AbortController();
      let refusals = 0;
      proxy.fate = ({ url }) => {
        if (how === 'stopped' && url!.includes('/_stats')) stop.abort(new Error('stopped'));
        const isBusy =
          how === 'refused' && (url!.startsWith('/_aliases') || url!.includes(`${next}/_settings`));
        return isBusy && refusals++ < 3 ? 'refuse' : 'pass';
      };
      const engine = await openElastic({ urls: [proxy.url] }, timeouts, AbortSignal.timeout(60_000));
      try {
        const plan = await prepareRollback(engine, alias, stop.signal);
        const io = { clock: systemClock, signal: stop.signal, warn: () => {}, stallMs: 20_000 };
        await expect(rollback(plan, io)).rejects.toThrow();
      } finally {
        engine.close();
        await proxy.stop();
      }
      expect(Object.keys(await cluster.alias(alias))).toEqual([next]);
      expect(await takesWrites(alias)).toBe(true);
    });

    test('whose answer is lost has happened', async () => {
      const { alias, old, next } = await swapped();
      const proxy = await startHttpProxy(Number(new URL(server.url).port));
      proxy.fate = ({ url }) => (url!.startsWith('/_aliases') ? 'lose' : 'pass');
      try {
        const { code, stderr } = await new Cluster(proxy.url).reindex(alias, '--rollback');
        expect(code, stderr).toBe(0);
      } finally {
        await proxy.stop();
      }
      expect(Object.keys(await cluster.alias(alias))).toEqual([old]);
      expect(await takesWrites(alias)).toBe(true);
      expect(await takesWrites(next)).toBe(false);
    });
  });
});
