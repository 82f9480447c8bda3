import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { startHttpProxy } from '../../../servers/http-proxy.js';
import { needs } from '../../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../../servers/search.js';
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
    proxy.fate = async ({ method, url }) => {
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
});
