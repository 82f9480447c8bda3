import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { metrifyInProcess } from '../../../e2e/in-process.js';
import { replayable } from '../../../random.js';
import { startHttpProxy, type HttpProxy } from '../../../servers/http-proxy.js';
import { needs } from '../../../servers/needs.js';
import { searchServers, type SharedSearch } from '../../../servers/search.js';
import { Rest } from '../verify/index-of.js';

const { random } = replayable('copies');

needs('search')('search copy', () => {
  let servers: SharedSearch[];
  let [from, to]: Rest[] = [];
  let proxy: HttpProxy;
  let folder: string;
  let prefix: string;

  beforeAll(async () => {
    servers = await searchServers('elasticsearch-7', 'elasticsearch-9');
    [from, to] = servers.map(({ url }) => new Rest(url));
    prefix = servers[0]!.prefix;
    proxy = await startHttpProxy(Number(new URL(from!.url).port));
    folder = await mkdtemp(join(tmpdir(), 'metrify-copy-'));
    const environments = { old: from!.url, new: to!.url, watched: proxy.url };
    const lines = Object.entries(environments).map(
      ([name, url]) => `  ${name}: { elasticsearch: { url: "${url}" } }\n`,
    );
    await writeFile(join(folder, 'metrify.config.yaml'), `environments:\n${lines.join('')}`);
  });
  afterAll(async () => {
    for (const rest of [from!, to!]) await rest.text('DELETE', `/${prefix}*`).catch(() => {});
    await proxy.stop();
    await servers[0]!.release();
    await rm(folder, { recursive: true });
  });

  const copy = (index: string, ...more: string[]) =>
    metrifyInProcess(['search', 'copy', index, '--from', 'old', '--to', 'new', ...more, '--json'], {
      cwd: folder,
    });

  it('keeps every byte of documents, their routing and versions, the mapping, settings and aliases', async () => {
    const index = `${prefix}kept`;
    await from!.ask('PUT', `/${index}`, {
      settings: {
        number_of_shards: 3,
        number_of_replicas: 0,
        refresh_interval: '7s',
        'index.lifecycle.name': undefined,
        'index.routing.allocation.exclude._name': 'nobody',
        analysis: { analyzer: { plain: { type: 'custom', tokenizer: 'standard', filter: ['lowercase'] } } },
      },
      mappings: {
        _meta: { owner: 'metering' },
        dynamic: false,
        properties: { name: { type: 'text', analyzer: 'plain' }, value: { type: 'double' } },
      },
      aliases: {
        [`${prefix}kept-now`]: {},
        [`${prefix}kept-warm`]: { filter: { term: { value: 1 } }, search_routing: 'a' },
      },
    });
    const exact = '{"term":{"id":9007199254740993}}';
    await from!.text(
      'POST',
      '/_aliases',
      `{"actions":[{"add":{"index":"${index}","alias":"${prefix}kept-exact","filter":${exact}}}]}`,
    );
    const documents = new Map([
      ['integers', '{"id":9007199254740993,"other":-6078848508545849313}'],
      ['numbers', '{"value":1.0,"same":1,"small":0.1,"long":123456789012345678901234567890,"e":1E+2}'],
      ['spelling', '{ "b" : "\\u00e9\\/é" ,\t"a":[ ] }'],
      ['😀 "\\', '{"name":"id"}'],
    ]);
    await from!.write(index, documents);
    await from!.text('PUT', `/${index}/_doc/routed?routing=somewhere%20else&refresh=true`, '{"v":1}');
    for (const v of [1, 2, 3]) await from!.text('PUT', `/${index}/_doc/often?refresh=true`, `{"v":${v}}`);

    const { code, json } = await copy(index);
    expect(code).toBe(0);
    expect(json().result).toMatchObject({ copied: 6, kept: 0, rejected: 0, complete: true });
    expect(json().result.leftOut).toEqual([
      'index.routing.allocation.exclude._name = nobody: it belongs to that cluster',
    ]);
    const copied = await to!.documents(index);
    expect(copied).toEqual(await from!.documents(index));
    for (const [id, json] of documents) expect(copied.get(id)).toBe(json);
    expect(await to!.ask('GET', `/${index}/_doc/often`)).toMatchObject({ _version: 3 });
    expect(await to!.ask('GET', `/${index}/_doc/routed?routing=somewhere%20else`)).toMatchObject({
      ...{ found: true, _routing: 'somewhere else', _version: 1 },
    });
    const definition = await definitionOf(to!, index);
    expect(definition).toMatchObject({
      mappings: (await definitionOf(from!, index)).mappings,
      aliases: {
        [`${prefix}kept-now`]: {},
        [`${prefix}kept-warm`]: { filter: { term: { value: 1 } }, search_routing: 'a' },
      },
      settings: {
        'index.number_of_shards': '3',
        'index.number_of_replicas': '0',
        'index.refresh_interval': '7s',
        'index.analysis.analyzer.plain.tokenizer': 'standard',
      },
    });
    expect(Object.keys(definition.aliases)).toHaveLength(3);
    expect(await to!.text('GET', `/${index}/_alias`)).toContain(exact);
  });

  it('refuses a destination that it did not begin, and changes nothing there', async () => {
    const index = `${prefix}there`;
    await from!.write(index, new Map([['1', '{"v":1}']]));
    await to!.write(index, new Map([['1', '{"v":"theirs"}']]));
    expect(await copy(index)).toMatchObject({ code: 4 });
    expect(await copy(index, '--dry-run')).toMatchObject({ code: 4 });
    expect(await to!.documents(index)).toEqual(new Map([['1', '{"v":"theirs"}']]));
    expect(await copy(index, '--rename', `${prefix}renamed`)).toMatchObject({ code: 0 });
    expect(await to!.documents(`${prefix}renamed`)).toEqual(new Map([['1', '{"v":1}']]));
  });

  it('refuses an alias that shows only a part of its index', async () => {
    const index = `${prefix}whole`;
    const alias = `${prefix}part`;
    await from!.ask('PUT', `/${index}`, { aliases: { [alias]: { filter: { term: { v: 1 } } } } });
    const { code, stderr } = await copy(alias, '--rename', alias);
    expect(code).toBe(2);
    expect(stderr).toContain('SHOWS_PART');
    await expect(to!.text('GET', `/${alias}`)).rejects.toThrow('index_not_found');
  });

  it.each([
    ['without _source', { _source: { enabled: false } }],
    ['whose _source lacks fields', { _source: { excludes: ['secret'] } }],
  ])('refuses an index %s', async (_, mappings) => {
    const index = `${prefix}incomplete`;
    await from!.ask('PUT', `/${index}`, { mappings });
    const { code, stderr } = await copy(index);
    await from!.text('DELETE', `/${index}`);
    expect(code).toBe(4);
    expect(stderr).toContain('SOURCE_INCOMPLETE');
    await expect(to!.text('GET', `/${index}`)).rejects.toThrow('index_not_found');
  });

  it('has what was written, added, deleted, and deleted and added again while it ran', async () => {
    const index = `${prefix}busy`;
    await from!.ask('PUT', `/${index}`, { settings: { number_of_shards: 2, number_of_replicas: 0 } });
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);
    const valued = (ids: string[], v: number) => new Map(ids.map((id) => [id, `{"v":${v}}`]));
    await from!.write(index, valued(range(0, 3000), 1));
    // Their versions are above those of what comes after them.
    await from!.write(index, valued(range(2000, 2010), 2));
    const expected = valued(range(0, 3000), 1);
    for (const [id, json] of valued(range(2000, 2010), 2)) expected.set(id, json);

    const change = async () => {
      const updated = valued([...range(0, 50), ...range(2500, 2550)], 3);
      const added = valued(range(5000, 5050), 4);
      await from!.write(index, new Map([...updated, ...added]));
      for (const [id, json] of [...updated, ...added]) expected.set(id, json);
      const gone = [...range(100, 115), ...range(2600, 2615)];
      const again = range(2000, 2010);
      const deletes = [...gone, ...again].map((id) => `{"delete":{"_id":"${id}"}}\n`);
      await from!.text('POST', `/${index}/_bulk?refresh=true`, deletes.join(''));
      for (const id of gone) expected.delete(id);
      await from!.ask('PUT', `/${index}/_settings`, { 'index.gc_deletes': '0s' });
      await from!.write(index, valued(again, 5));
      for (const [id, json] of valued(again, 5)) expected.set(id, json);
    };
    // Before a page at random is answered, the first one or a later one.
    let until = Math.floor(random() * 3);
    proxy.fate = async ({ url }) => {
      if (url?.startsWith('/_search') && until-- === 0) await change();
      return 'pass' as const;
    };
    const { code, json } = await metrifyInProcess(
      ['search', 'copy', index, '--from', 'watched', '--to', 'new', '--json'],
      { cwd: folder },
    );
    expect(until).toBeLessThan(0);
    expect(json().result).toMatchObject({ complete: true, rejected: 0 });
    expect(code).toBe(0);
    expect(await to!.documents(index)).toEqual(expected);
  });

  it('says which documents the destination does not take, and gives the copy no alias', async () => {
    const index = `${prefix}refused`;
    await from!.ask('PUT', `/${index}`, {
      settings: { number_of_replicas: 0 },
      mappings: { properties: { parts: { type: 'nested' } } },
      aliases: { [`${prefix}refused-now`]: {} },
    });
    await from!.write(
      index,
      new Map([
        ['few', '{"parts":[{},{}]}'],
        ['many', '{"parts":[{},{},{},{},{}]}'],
      ]),
    );
    await from!.ask('PUT', `/${index}/_settings`, { 'index.mapping.nested_objects.limit': 3 });
    const { code, json } = await copy(index);
    expect(code).toBe(6);
    expect(json().result).toMatchObject({ copied: 1, rejected: 1, complete: false, aliases: [] });
    expect(json().result.rejections).toEqual([
      { id: 'many', reason: expect.stringContaining('nested') as string },
    ]);
    await expect(to!.text('GET', `/${prefix}refused-now`)).rejects.toThrow('index_not_found');

    // The index is mended there, and the same command completes the copy.
    await to!.ask('PUT', `/${index}/_settings`, { 'index.mapping.nested_objects.limit': 10 });
    const again = await copy(index);
    expect(again.code).toBe(0);
    expect(again.json().result).toMatchObject({ copied: 2, rejected: 0, complete: true });
    expect(await to!.documents(`${prefix}refused-now`)).toEqual(await from!.documents(index));
  });

  it('never creates the destination again with a guessed mapping, once somebody deleted it', async () => {
    const index = `${prefix}deleted`;
    await from!.ask('PUT', `/${index}`, {
      settings: { number_of_replicas: 0 },
      mappings: { properties: { v: { type: 'keyword' } } },
    });
    await from!.write(index, new Map(Array.from({ length: 3000 }, (_, i) => [`${i}`, `{"v":${i}}`])));
    let until = 1;
    proxy.fate = async ({ url }) => {
      if (url?.startsWith('/_search') && until-- === 0) await to!.text('DELETE', `/${index}`);
      return 'pass' as const;
    };
    const resume = join(folder, 'deleted.json');
    const args = ['search', 'copy', index, '--from', 'watched', '--to', 'new', '--resume', resume, '--json'];
    const { code, stderr } = await metrifyInProcess(args, { cwd: folder });
    expect(code).not.toBe(0);
    expect(stderr).toContain('require_alias');
    await expect(to!.text('GET', `/${index}`)).rejects.toThrow('index_not_found');
  });

  it('is not seen through aliases of a template until it is complete, nor afterwards through those the source lacks', async () => {
    const index = `${prefix}hidden`;
    const live = `${prefix}hidden-live`;
    await from!.write(index, new Map([['1', '{"v":1}']]));
    await to!.ask('PUT', `/_index_template/${index}`, {
      ...{ index_patterns: [`${index}*`], priority: 500, template: { aliases: { [live]: {} } } },
    });
    let seen: number | undefined;
    proxy.fate = async ({ url }) => {
      if (url?.startsWith('/_search')) seen ??= (await fetch(`${to!.url}/_alias/${live}`)).status;
      return 'pass' as const;
    };
    const args = ['search', 'copy', index, '--from', 'watched', '--to', 'new', '--json'];
    const { code, json } = await metrifyInProcess(args, { cwd: folder });
    await to!.text('DELETE', `/_index_template/${index}`);
    expect(json().result).toMatchObject({ complete: true, aliases: [] });
    expect(code).toBe(0);
    expect(seen).toBe(404);
    expect((await definitionOf(to!, index)).aliases).toEqual({});
  });

  it('is refused while another run fills the same copy, which is not touched', async () => {
    const index = `${prefix}twice`;
    await from!.write(index, new Map(Array.from({ length: 50 }, (_, i) => [`${i}`, `{"v":${i}}`])));
    let second: Awaited<ReturnType<typeof copy>> | undefined;
    proxy.fate = async ({ url }) => {
      if (url?.startsWith('/_search')) second ??= await copy(index);
      return 'pass' as const;
    };
    const args = ['search', 'copy', index, '--from', 'watched', '--to', 'new', '--json'];
    const first = await metrifyInProcess(args, { cwd: folder });
    expect(second).toMatchObject({ code: 4, stderr: expect.stringContaining('COPY_RUNS') as string });
    expect(first.json().result).toMatchObject({ copied: 50, complete: true });
    expect(first.code).toBe(0);
    expect(await to!.documents(index)).toEqual(await from!.documents(index));
    const { mappings } = await definitionOf(to!, index);
    expect(mappings).toMatchObject((await definitionOf(from!, index)).mappings);
    expect(JSON.stringify(mappings)).not.toContain('metrify');
  });

  it('carries nothing along that metrify has noted in the index, and has its usual settings', async () => {
    const index = `${prefix}noted`;
    await from!.ask('PUT', `/${index}`, {
      settings: { number_of_replicas: 0, refresh_interval: '-1' },
      mappings: {
        _meta: {
          owner: 'metering',
          metrify_bulk_settings: {
            refresh_interval: '9s',
            number_of_replicas: '0',
            since: '2026-11-29T00:00:00Z',
          },
          metrify_reindex: { run: 'r' },
        },
      },
    });
    expect(await copy(index)).toMatchObject({ code: 0 });
    expect(await definitionOf(to!, index)).toMatchObject({
      mappings: { _meta: { owner: 'metering' } },
      settings: { 'index.refresh_interval': '9s' },
    });
    const { mappings } = await definitionOf(to!, index);
    expect(mappings).toEqual({ _meta: { owner: 'metering' } });
  });

  it('says how to go on where the other server cannot have such an index, and nothing else', async () => {
    const index = `${prefix}scaled`;
    await from!.ask('PUT', `/${index}`, {
      mappings: { properties: { v: { type: 'scaled_float', scaling_factor: 100 } } },
    });
    const { code, stdout, stderr } = await metrifyInProcess(
      ['search', 'copy', index, '--from', 'old', '--to', 'new'],
      { cwd: folder },
    );
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('scaled_float');
    expect(stderr).toContain('search index INDEX --meta --stdin');
    expect(stderr).not.toContain('--resume');
    await expect(to!.text('GET', `/${index}`)).rejects.toThrow('index_not_found');
  });

  it('leaves no checkpoint and no temporary file behind', async () => {
    const index = `${prefix}tidy`;
    await from!.write(index, new Map([['1', '{}']]));
    const resume = join(folder, 'tidy.json');
    const { code } = await copy(index, '--resume', resume);
    expect(code).toBe(0);
    expect(await readdir(folder)).not.toContain('tidy.json');
  });
});

async function definitionOf(rest: Rest, index: string) {
  const answer = await rest.ask<
    Record<string, { mappings: object; aliases: object; settings: Record<string, string> }>
  >('GET', `/${index}?flat_settings=true`);
  return answer[index]!;
}
