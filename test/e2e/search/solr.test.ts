import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { createIndex, keeping } from '../../integration/search/index-fixture.js';
import { needs } from '../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../servers/search.js';
import { metrifyInProcess } from '../in-process.js';

needs('search')('search with Solr', () => {
  let server: SharedSearch;
  let folder: string;
  beforeAll(async () => {
    server = await searchServer('solr-9');
    folder = await mkdtemp(join(tmpdir(), 'metrify-solr-'));
  });
  afterAll(async () => {
    await server?.release();
    await rm(folder, { recursive: true, force: true });
  });

  const metrify = (...args: string[]) =>
    metrifyInProcess(['search', ...args, '--solr-url', server.url], { cwd: folder });
  const result = async (...args: string[]) => {
    const { stdout } = await metrify(...args, '-o', 'json');
    return (JSON.parse(stdout) as { readonly result: Record<string, unknown> }).result;
  };
  const hits = async (...args: string[]) => {
    const { stdout } = await metrify('query', ...args, '-o', 'ndjson');
    return stdout.split('\n').filter((line) => line.startsWith('{') && !line.startsWith('{"command"'));
  };
  const ids = (lines: readonly string[]) =>
    lines.map((line) => (JSON.parse(line) as { readonly id: string }).id).sort();
  const write = (name: string, lines: readonly string[]) =>
    writeFile(join(folder, name), `${lines.join('\n')}\n`);
  const refresh = (core: string) => fetch(`${server.url}/${core}/update?commit=true`);

  test('one bad document of a thousand is found, told and mended; the rest is there once', async () => {
    const core = await createIndex(server, 'loaded', { n: 'int', meter: 'long' });
    const line = (i: number) => `{"id":"d${i}","n":${i === 500 ? '"text"' : i},"meter":9007199254740993}`;
    await write(
      'documents.ndjson',
      Array.from({ length: 1000 }, (_, i) => line(i)),
    );
    const { code, stdout, stderr } = await metrify(
      ...['index', core, '--file', 'documents.ndjson', '--id', 'id', '--dead-letter', 'dead.ndjson'],
    );
    expect(code, stderr).toBe(6);
    expect(stdout).toMatch(/indexed +999/);
    const [letter, ...more] = (await readFile(join(folder, 'dead.ndjson'), 'utf8')).trim().split('\n');
    expect(more).toEqual([]);
    expect(JSON.parse(letter!)).toMatchObject({
      line: 501,
      row: line(500),
      reason: expect.stringContaining("'n'='text'") as unknown,
    });
    await writeFile(join(folder, 'dead.ndjson'), letter!.replaceAll('\\"text\\"', '500'));
    expect(await result('index', core, '--file', 'dead.ndjson', '--mended', '--id', 'id')).toMatchObject({
      read: 1,
      indexed: 1,
    });
    await refresh(core);
    const all = await hits(core, '--all');
    expect(new Set(all).size).toBe(1000);
    expect(all.every((one) => one.includes('9007199254740993'))).toBe(true);
  });

  test('a text is a text, and filters are what they say', async () => {
    const core = await createIndex(server, 'asked', {
      name: 'text',
      type: 'keyword',
      value: 'double',
      time: 'date',
      location: 'place',
    });
    await write('sensors.ndjson', [
      '{"id":"a","name":"Bad Homburg","type":"temp","value":12.5,"time":"2026-11-01T00:00:00Z","location":"50.2,8.6"}',
      '{"id":"b","name":"Hamburg","type":"temp","value":-3,"time":"2026-11-02T00:00:00Z","location":"53.5,10"}',
      '{"id":"c","name":"Suva","type":"flow","value":7,"time":"2026-11-03T00:00:00Z","location":"-18.1,179.99"}',
    ]);
    expect(await result('index', core, '--file', 'sensors.ndjson', '--id', 'id')).toMatchObject({
      indexed: 3,
    });
    await refresh(core);
    expect(ids(await hits(core, 'hamburg'))).toEqual(['a', 'b']);
    expect(ids(await hits(core, 'name:* OR "'))).toEqual([]);
    expect(ids(await hits(core, '--type', 'temp', '--min-value', '0'))).toEqual(['a']);
    expect(ids(await hits(core, '--from', '2026-11-02', '--to', '2026-11-04'))).toEqual(['b', 'c']);
    expect(ids(await hits(core, '--near=-18,-179.9', '--within', '50km'))).toEqual(['c']);
    await writeFile(
      join(folder, 'fiji.json'),
      '{"type":"Polygon","coordinates":[[[177,-20],[183,-20],[183,-15],[177,-15],[177,-20]]]}',
    );
    expect(ids(await hits(core, '--polygon', 'fiji.json'))).toEqual(['c']);
    expect(await result('query', core, '--agg', 'terms:type:5')).toMatchObject({
      total: 3,
      aggregations: {
        'terms:type:5': {
          buckets: [
            { key: 'temp', count: 2 },
            { key: 'flow', count: 1 },
          ],
        },
      },
    });
  });

  test('what differs from the source is told and mended, whatever spelling Solr has of it', async () => {
    const core = await createIndex(server, 'verified', { kind: 'keyword', time: 'date', value: 'double' });
    const line = (i: number) =>
      `{"kind":${i},"time":"2026-11-01T00:00:00.000Z","value":${i}.50,"tags_ss":"one","no_s":null}`;
    const lines = Array.from({ length: 30 }, (_, i) => line(i));
    await write('rows.ndjson', lines);
    // Ids are made of the documents.
    expect(await result('index', core, '--file', 'rows.ndjson')).toMatchObject({ indexed: 30 });
    expect(await metrify('verify', core, '--keys', '--file', 'rows.ndjson')).toMatchObject({ code: 0 });
    await write('rows.ndjson', [...lines.slice(1), line(77)]);
    expect(await result('verify', core, '--keys', '--file', 'rows.ndjson')).toMatchObject({
      missing: 1,
      extra: 1,
      stale: 0,
    });
    const confirm = `default/${core}@${new URL(server.url).host}`;
    expect(
      await metrify('verify', core, '--keys', '--file', 'rows.ndjson', '--repair', '--confirm', confirm),
    ).toMatchObject({ code: 0 });
    expect(await result('verify', core, '--keys', '--file', 'rows.ndjson')).toMatchObject({
      missing: 0,
      extra: 0,
      stale: 0,
    });
  });

  test('a dump is restored byte by byte where documents are kept whole', async () => {
    const core = await createIndex(server, 'dumped', { meter: 'long', value: 'double' }, keeping);
    const sources = [
      '{"meter":9007199254740993,"value":1.0,"big_ds":[0.1,1e2]}',
      '{"meter":-6078848508545849313,"value":0.10}',
      '{"value":123456789012345678901234567890}',
    ];
    await write('sources.ndjson', sources);
    expect(await result('index', core, '--file', 'sources.ndjson')).toMatchObject({ indexed: 3 });
    await refresh(core);
    const dump = await hits(core, '--all', '--meta');
    await write('dump.ndjson', dump);
    const copy = await createIndex(server, 'restored', { meter: 'long', value: 'double' }, keeping);
    expect(await result('index', copy, '--meta', '--file', 'dump.ndjson')).toMatchObject({ indexed: 3 });
    expect(await result('index', copy, '--meta', '--file', 'dump.ndjson')).toMatchObject({
      indexed: 3,
      rejected: 0,
    });
    await refresh(copy);
    expect((await hits(copy, '--all')).sort()).toEqual(sources.sort());
    expect((await hits(copy, '--all', '--meta')).sort()).toEqual(dump.sort());
  });
});
