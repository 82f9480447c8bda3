import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import type { SearchEngine } from '../../../../src/lib/search/engine.js';
import { metrifyInProcess } from '../../../e2e/in-process.js';
import { type HttpProxy, startHttpProxy } from '../../../servers/http-proxy.js';
import { needs } from '../../../servers/needs.js';
import { searchServers, type SharedSearch } from '../../../servers/search.js';
import { fromBytes } from '../../../../src/lib/core/bytes.js';
import { createIndex, keeping, openAt } from '../index-fixture.js';
import { operation, statuses } from '../contract/port-under-test.js';

needs('search')('search copy between Elasticsearch and Solr', () => {
  let elastic: SharedSearch;
  let solr: SharedSearch;
  let engines: { elastic: SearchEngine; solr: SearchEngine };
  let proxy: HttpProxy;
  let folder: string;
  const { signal } = new AbortController();

  beforeAll(async () => {
    [elastic, solr] = (await searchServers('elasticsearch-9', 'solr-9')) as [SharedSearch, SharedSearch];
    engines = { elastic: await openAt(elastic), solr: await openAt(solr) };
    proxy = await startHttpProxy(Number(new URL(solr.url).port));
    folder = await mkdtemp(join(tmpdir(), 'metrify-copy-'));
    await writeFile(
      join(folder, 'metrify.config.yaml'),
      `environments:
  es: { elasticsearch: { url: "${elastic.url}" } }
  solr: { solr: { url: "${proxy.url}/solr" } }
`,
    );
  });
  afterAll(async () => {
    for (const engine of Object.values(engines)) engine.close();
    await fetch(`${elastic.url}/${elastic.prefix}*`, { method: 'DELETE' });
    await proxy.stop();
    await elastic.release();
    await rm(folder, { recursive: true });
  });

  const copy = async (index: string, from: string, to: string, ...more: string[]) => {
    const args = ['search', 'copy', index, '--from', from, '--to', to, ...more, '-o', 'json'];
    const { code, stdout, stderr } = await metrifyInProcess(args, { cwd: folder });
    const printed = (stdout === '' ? stderr.trim().split('\n').at(-1)! : stdout) || '{}';
    const { result, error } = JSON.parse(printed) as {
      result?: Record<string, unknown>;
      error?: { code: string };
    };
    return { code, result, error: error?.code, stderr };
  };
  const write = async (engine: SearchEngine, index: string, documents: Record<string, string>) => {
    const operations = Object.entries(documents).map(([id, source]) => operation('index', id, source));
    const outcomes = await engine.bulk({ index }, operations, signal);
    expect(new Set(statuses(outcomes))).toEqual(new Set(['done']));
    await engine.refresh(index, signal);
  };
  const held = async (engine: SearchEngine, index: string) => {
    await engine.refresh(index, signal);
    const found: Record<string, string> = {};
    for await (const hits of engine.scan(index, { signal }))
      for (const { id, source } of hits) found[fromBytes(id)] = fromBytes(source);
    return found;
  };

  it('brings documents into the fields of a core, and says which it cannot hold', async () => {
    const index = await createIndex(elastic, 'flat', { n: 'long', when: 'date' });
    const core = await createIndex(solr, 'flat', { n: 'long', when: 'date' });
    const documents = {
      a: '{"n":9007199254740993,"when":"2026-11-29T12:00:00.000Z"}',
      b: '{"n":2,"tag_s":null}',
    };
    await write(engines.elastic, index, documents);
    const done = await copy(index, 'es', 'solr', '--rename', core);
    expect(done.code, done.stderr).toBe(0);
    expect(done.result).toMatchObject({ copied: 2, rejected: 0, complete: true });
    expect(done.result!['leftOut']).toHaveLength(2);
    expect(await held(engines.solr, core)).toEqual({
      a: '{"id":"a","n":9007199254740993,"when":"2026-11-29T12:00:00Z"}',
      b: '{"id":"b","n":2}',
    });
    expect(await copy(index, 'es', 'solr', '--rename', core)).toMatchObject({
      code: 4,
      error: 'DESTINATION_EXISTS',
    });

    const nested = await createIndex(elastic, 'nested', { n: 'long' });
    const other = await createIndex(solr, 'nested', { n: 'long' });
    await write(engines.elastic, nested, { whole: '{"n":1}', nested: '{"o_s":{"m":1}}' });
    const part = await copy(nested, 'es', 'solr', '--rename', other);
    expect(part).toMatchObject({ code: 6, result: { copied: 1, rejected: 1, complete: false } });
    expect(part.result!['rejections']).toMatchObject([{ id: 'nested' }]);
  });

  it('keeps bytes and versions where the core keeps them, there and back', async () => {
    const index = await createIndex(elastic, 'whole', { n: 'long' });
    const core = await createIndex(solr, 'whole', { n: 'long' }, keeping);
    const documents = {
      numbers: '{"n":9007199254740993,"v":1.0}',
      spelling: '{ "b_s" : "\\u00e9\\/é" ,\t"a_ss":[ ] }',
      '😀 "\\': '{"o":{"deep":[1,2],"x":null}}',
    };
    await write(engines.elastic, index, documents);
    await write(engines.elastic, index, { numbers: documents.numbers });
    const there = await copy(index, 'es', 'solr', '--rename', core);
    expect(there.code, there.stderr).toBe(0);
    expect(await held(engines.solr, core)).toEqual(documents);
    const names = [{ id: operation('delete', 'numbers').id }];
    expect((await engines.solr.read(core, names, signal))[0]).toMatchObject({ version: '2' });

    const back = await createIndex(elastic, 'back', { n: 'long' });
    const returned = await copy(core, 'solr', 'es', '--rename', back);
    expect(returned.code, returned.stderr).toBe(0);
    expect(await held(engines.elastic, back)).toEqual(documents);
    expect((await engines.elastic.read(back, names, signal))[0]).toMatchObject({ version: '2' });

    // Solr's own versions are times: none of them becomes one of Elasticsearch.
    await write(engines.solr, core, { plain: '{"n":3}' });
    const again = await createIndex(elastic, 'again', { n: 'long' });
    expect(await copy(core, 'solr', 'es', '--rename', again)).toMatchObject({ code: 0 });
    const plain = [{ id: operation('delete', 'plain').id }];
    expect((await engines.elastic.read(again, plain, signal))[0]).toMatchObject({ version: '1' });
  });

  it('is continued by its checkpoint, brings over what changed meanwhile, and refuses what Solr does not keep', async () => {
    const index = await createIndex(elastic, 'stopped', { n: 'long' });
    const core = await createIndex(solr, 'stopped', { n: 'long' }, keeping);
    const documents: Record<string, string> = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`d${i}`, `{"n":${i}}`]),
    );
    await write(engines.elastic, index, documents);
    const args = [index, 'es', 'solr', '--rename', core, '--resume', 'copy.json'] as const;
    proxy.fate = ({ url = '' }) =>
      url.includes('/update?versions')
        ? async (body, forward) => {
            await forward(body);
            proxy.fate = () => 'pass';
            return { status: 401, body: '{}' };
          }
        : 'pass';
    const stopped = await copy(...args);
    expect(stopped.code, stopped.stderr).not.toBe(0);
    await write(engines.elastic, index, { d1: '{"n":-1}' });
    await fetch(`${elastic.url}/${index}/_doc/d2`, { method: 'DELETE' });
    const done = await copy(...args);
    expect(done.code, done.stderr).toBe(0);
    expect(done.result).toMatchObject({ rejected: 0, complete: true });
    delete documents['d2'];
    expect(await held(engines.solr, core)).toEqual({ ...documents, d1: '{"n":-1}' });

    await fetch(`${elastic.url}/${index}/_doc/routed?routing=a&refresh=true`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"n":1}',
    });
    const free = await createIndex(solr, 'free', {}, keeping);
    expect(await copy(index, 'es', 'solr', '--rename', free)).toMatchObject({ code: 4, error: 'NO_ROUTING' });
    expect(await copy(index, 'es', 'solr', '--rename', 'none')).toMatchObject({
      code: 2,
      error: 'INDEX_MISSING',
    });
  });
});
