import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { acquireFileLock } from '../../../src/lib/core/file-lock.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { searchServers, type SharedSearch } from '../../servers/search.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';
import { ask, createIndex, indexAt, type IndexOf } from './index-of.js';

needs('search', 'postgres')('search index', () => {
  let servers: SharedSearch[];
  let database: OwnDatabase;
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  const made: string[] = [];
  /** Each before its template, which stays as long as a data stream has it. */
  const streams: string[] = [];

  beforeAll(async () => {
    [servers, database, folder] = await Promise.all([
      searchServers('elasticsearch-7', 'opensearch-3'),
      ownDatabase(),
      temporaryDirectory('index'),
    ]);
  });
  afterAll(async () => {
    await Promise.all(made.map((url) => fetch(url, { method: 'DELETE' })));
    for (const url of streams) await fetch(url, { method: 'DELETE' });
    await servers[0]!.release();
    await folder.remove();
  });

  const run = (server: SharedSearch, index: string, ...args: string[]) =>
    metrifyInProcess(['search', 'index', index, ...args, '--json'], {
      env: { METRIFY_ELASTICSEARCH_URL: server.url, METRIFY_POSTGRES_URL: database.url },
    });
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(path, text);
    return path;
  };

  describe.each([0, 1])('of server %i', (which) => {
    const at = () => servers[which]!;
    const create = async (name: string, body: object = {}): Promise<IndexOf> => {
      const full = `${at().prefix}${name}`;
      made.push(`${at().url}/${full}`);
      return createIndex(at().url, full, body);
    };

    test('stores every digit of SQL', async () => {
      const to = await create('digits', { mappings: { dynamic: false } });
      const sql = `SELECT * FROM (VALUES
        (1, 9007199254740993::int8, 0.1::numeric, 1.0::numeric, 123456789012345678901234567890::numeric, timestamptz '2026-01-02 03:04:05.6+00'),
        (2, -6078848508545849313, 1e-20, 1, -0.000000000000000000000000000001, NULL)) AS t(id, meter_id, value, one, big, at)`;
      const { exitCode, result } = (await run(at(), to.name, '--sql', sql, '--id', 'id')).json();
      expect([exitCode, result.indexed]).toEqual([0, 2]);
      expect([await to.sourceText('1'), await to.sourceText('2')]).toEqual([
        '{"id":1,"meter_id":9007199254740993,"value":0.1,"one":1.0,"big":123456789012345678901234567890,"at":"2026-01-02T03:04:05.6Z"}',
        '{"id":2,"meter_id":-6078848508545849313,"value":0.00000000000000000001,"one":1,"big":-0.000000000000000000000000000001,"at":null}',
      ]);
    });

    test('never lets an older version replace a newer one, and routes by a field', async () => {
      const to = await create('versions', {
        settings: { number_of_shards: 2, number_of_replicas: 0 },
      });
      const rows = [
        [1, 5, 'a'],
        [1, 3, 'a'],
        [2, 7, 'b'],
        [1, 9, 'a'],
      ].map(([id, version, site], n) => ({ id, version, site, n }));
      const path = await file(`versions-${which}.jsonl`, rows.map((row) => JSON.stringify(row)).join('\n'));
      const args = ['--file', path, '--id', 'id', '--external-version', 'version', '--routing', 'site'];
      const first = (await run(at(), to.name, ...args)).json();
      expect(first).toMatchObject({ exitCode: 6, result: { indexed: 3, rejected: 1 } });
      expect(first.result.reasons[0]).toMatchObject({ firstLine: 2 });
      expect(await to.hits()).toEqual([
        { id: '1', routing: 'a', version: 9, source: rows[3] },
        { id: '2', routing: 'b', version: 7, source: rows[2] },
      ]);
      // What is there in this very version is not refused; what is older is.
      const second = (await run(at(), to.name, ...args)).json();
      expect(second.result).toMatchObject({ indexed: 2, rejected: 2 });
    });

    test('updates, deletes and creates, and tells those apart that could not be', async () => {
      const to = await create('kinds');
      const csv = (name: string, text: string) => file(`${name}-${which}.csv`, text);
      const all = await csv('all', 'id,name,unit\n1,one,kWh\n2,two,\n3,three,m³\n');
      await run(at(), to.name, '--file', all, '--id', 'id');
      const changes = await csv('update', 'id,unit\n2,MWh\n9,bar\n');
      const updated = (await run(at(), to.name, '--file', changes, '--id', 'id', '--op', 'update')).json();
      expect(updated).toMatchObject({ exitCode: 6, result: { indexed: 1, rejected: 1 } });
      const gone = await csv('delete', 'id\n1\n8\n');
      const deleted = (await run(at(), to.name, '--file', gone, '--id', 'id', '--op', 'delete')).json();
      expect(deleted.result).toMatchObject({ indexed: 1, rejected: 1 });
      expect(deleted.result.reasons[0].reason).toMatch(/no document of this id/);
      const created = (await run(at(), to.name, '--file', all, '--id', 'id', '--op', 'create')).json();
      expect(created.result).toMatchObject({ indexed: 1, rejected: 2 });
      expect((await to.hits()).map(({ source }) => source)).toEqual([
        { id: '1', name: 'one', unit: 'kWh' },
        { id: '2', name: 'two', unit: 'MWh' },
        { id: '3', name: 'three', unit: 'm³' },
      ]);
    });

    test('changes a document in the index that has it, behind an alias of several', async () => {
      const [older, newer] = [await create('span-1'), await create('span-2')];
      const alias = `${at().prefix}span`;
      const point = (to: string) =>
        ask('POST', `${at().url}/_aliases`, {
          actions: [older, newer].map(({ name: index }) => ({
            add: { index, alias, is_write_index: index === to },
          })),
        });
      const rows = (name: string, ...lines: object[]) =>
        file(`${name}-${which}.jsonl`, lines.map((line) => JSON.stringify(line)).join('\n'));
      const write = async (path: string, ...args: string[]) =>
        (await run(at(), alias, '--file', path, '--require-alias', ...args)).json();
      const first = await rows('span', { id: 'a', n: 1 }, { id: 'b', n: 1 }, { id: 'c', n: 1 });
      await point(older.name);
      await write(first);
      await write(first, '--id', 'id');
      await point(newer.name);
      expect((await write(first)).result).toMatchObject({ indexed: 3 });
      expect((await write(first, '--id', 'id', '--op', 'create')).result).toMatchObject({ rejected: 3 });
      const second = await rows('span-2', { id: 'a', n: 2 }, { id: 'd', n: 2 });
      expect((await write(second, '--id', 'id')).result).toMatchObject({ indexed: 2 });
      const update = await rows('span-3', { id: 'b', m: 3 }, { id: 'd', m: 3 });
      expect((await write(update, '--id', 'id', '--op', 'update')).result).toMatchObject({ indexed: 2 });
      expect((await write(await rows('span-4', { id: 'c' }), '--id', 'id', '--op', 'delete')).exitCode).toBe(
        0,
      );
      const named = (await older.hits()).filter(({ id }) => id.length === 1);
      expect(named.map(({ source }) => source)).toEqual([
        { id: 'a', n: 2 },
        { id: 'b', n: 1, m: 3 },
      ]);
      expect(await older.count()).toBe(5);
      expect((await newer.hits()).map(({ source }) => source)).toEqual([{ id: 'd', n: 2, m: 3 }]);
    });

    test('takes a dump back with its ids, routing and versions, and a dead-letter file of it', async () => {
      const to = await create('dump', { mappings: { properties: { value: { type: 'long' } } } });
      const source = '{"value":9007199254740993, "text":"é\\n\\u00e9"}';
      const dump = [
        `{"_index":"x","_id":"é/1","_routing":"south","_version":41,"_source":${source}}`,
        '{"_id":"2","_version":1,"_source":{"value":"broken"}}',
        '{"_id":"","_source":{}}',
      ];
      const path = await file(`dump-${which}.ndjson`, dump.join('\n'));
      const dead = join(folder.path, `dump-dead-${which}.jsonl`);
      const first = (await run(at(), to.name, '--file', path, '--meta', '--dead-letter', dead)).json();
      expect(first).toMatchObject({ exitCode: 6, result: { read: 3, indexed: 1, rejected: 2 } });
      expect(await to.hits()).toMatchObject([{ id: 'é/1', routing: 'south', version: 41 }]);
      const stored = await fetch(`${at().url}/${to.name}/_source/${encodeURIComponent('é/1')}?routing=south`);
      expect(await stored.text()).toBe(source);
      const letters = (await readFile(dead, 'utf8')).trim().split('\n');
      expect(letters.map((line) => (JSON.parse(line) as { row: string }).row).sort()).toEqual(
        dump.slice(1).sort(),
      );
      const mended = letters.filter((line) => line.includes('broken')).join('\n');
      await writeFile(dead, mended.replaceAll(/\\"broken\\"/g, '2'));
      const second = (await run(at(), to.name, '--file', dead, '--mended', '--meta')).json();
      expect(second).toMatchObject({ exitCode: 0, result: { read: 1, indexed: 1 } });
    });

    test('restores refreshes and replicas after a run, after a failed one, and after one that was killed', async () => {
      const to = await create('bulk-settings', {
        settings: { number_of_replicas: 2, refresh_interval: '7s' },
        mappings: { _meta: { owner: 'sre' } },
      });
      const path = await file(`settings-${which}.jsonl`, '{"n":1}\n');
      type Index = { settings: { index: Record<string, string> }; mappings: { _meta: object } };
      const state = async () => {
        const answer = (await ask('GET', `${at().url}/${to.name}`)) as Record<string, Index>;
        const { settings, mappings } = answer[to.name]!;
        return [settings.index['refresh_interval'], settings.index['number_of_replicas'], mappings._meta];
      };
      await run(at(), to.name, '--file', path, '--bulk-settings');
      const usual = ['7s', '2', { owner: 'sre' }];
      expect(await state()).toEqual(usual);
      await to.settings({ 'index.blocks.write': true });
      const failed = await run(at(), to.name, '--file', path, '--bulk-settings', '--stall', '300ms');
      expect(failed.json().exitCode).toBe(5);
      expect(await state()).toEqual(usual);
      await to.settings({ 'index.blocks.write': false });
      // As a killed run leaves it.
      await to.settings({ refresh_interval: '-1', number_of_replicas: 0 });
      const note = { refresh_interval: '7s', number_of_replicas: '2', since: '2026-11-29T10:00:00.000Z' };
      await ask('PUT', `${at().url}/${to.name}/_mapping`, {
        _meta: { owner: 'sre', metrify_bulk_settings: note },
      });
      const seen = await metrifyInProcess(['search', 'status', to.name, '--json'], {
        env: { METRIFY_ELASTICSEARCH_URL: at().url },
      });
      expect(seen.json().result.findings).toContainEqual(
        expect.objectContaining({
          subject: 'leftovers',
          what: expect.stringContaining('that began at 2026-11-29T10:00:00.000Z') as string,
          command: expect.objectContaining({
            body: { 'index.refresh_interval': '7s', 'index.number_of_replicas': '2' },
          }) as object,
        }),
      );
      const next = (await run(at(), to.name, '--file', path)).json();
      expect(next.warnings.join()).toMatch(/put back refresh_interval and replicas .* a run of 2026-11-29/);
      expect(await state()).toEqual(usual);
    });

    test('refuses an index that is not there, unless a template makes it', async () => {
      const name = `${at().prefix}made-by-template`;
      const path = await file(`missing-${which}.jsonl`, '{"@timestamp":"2026-01-01T00:00:00Z","n":1}\n');
      const missing = await run(at(), name, '--file', path);
      expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('INDEX_MISSING')]);
      made.push(`${at().url}/_index_template/${name}`, `${at().url}/${name}`);
      await ask('PUT', `${at().url}/_index_template/${name}`, {
        index_patterns: [`${name}*`],
        priority: 900,
      });
      const created = await run(at(), name, '--file', path);
      expect(created.json()).toMatchObject({ exitCode: 0, result: { indexed: 1 } });
      expect(await indexAt(at().url, name).count()).toBe(1);
      const strict = await run(at(), name, '--file', path, '--require-alias');
      expect([strict.code, strict.stderr]).toEqual([2, expect.stringContaining('NOT_AN_ALIAS')]);
    });

    test('warns of documents without the time that the mapping has', async () => {
      const to = await create('timeless', { mappings: { properties: { '@timestamp': { type: 'date' } } } });
      const path = await file(`timeless-${which}.csv`, 'id,time\n1,2026-01-01\n');
      const first = (await run(at(), to.name, '--file', path, '--id', 'id')).json();
      expect(first).toMatchObject({ exitCode: 0, result: { indexed: 1 } });
      expect(first.warnings).toEqual([expect.stringContaining('the first document has no @timestamp')]);
      const preview = (await run(at(), to.name, '--file', path, '--id', 'id', '--dry-run')).json();
      expect(preview.result.example).toMatchObject({ id: '1', lacksTime: true });
      const timed = await file(`timed-${which}.csv`, 'id,@timestamp\n1,2026-01-01\n');
      expect((await run(at(), to.name, '--file', timed, '--id', 'id')).json().warnings).toEqual([]);
      const gone = await run(at(), to.name, '--file', path, '--id', 'id', '--op', 'delete');
      expect(gone.json().warnings).toEqual([]);
    });

    test('writes documents of many megabytes', async () => {
      const to = await create('large', { mappings: { dynamic: false } });
      const path = await file(
        `large-${which}.jsonl`,
        [1, 2, 3]
          .map((id) => JSON.stringify({ id, text: 'x'.repeat(id === 2 ? 12_000_000 : 10) }))
          .join('\n'),
      );
      const { result } = (await run(at(), to.name, '--file', path, '--id', 'id')).json();
      expect(result).toMatchObject({ indexed: 3, rejected: 0 });
      expect((await to.sourceText('2')).length).toBe(12_000_018);
    });
  });

  test('ids that would become one are rejected: of half a surrogate pair nothing is stored', async () => {
    const [server] = servers as [SharedSearch];
    const name = `${server.prefix}halves`;
    made.push(`${server.url}/${name}`);
    const to = await createIndex(server.url, name);
    const ids = ['"\\ud800"', '"\\ud801x"', '"\ufffd"', '"\\ufffd\\ud83d\\ude00"'];
    const rows = await file('halves.jsonl', ids.map((id) => `{"n":1,"i\\u0064":${id}}`).join('\n'));
    const lines = await file('halves-dump.jsonl', ids.map((id) => `{"_id":${id},"_source":{}}`).join('\n'));
    for (const args of [
      [rows, '--id', 'id'],
      [lines, '--meta'],
    ]) {
      const { result } = (await run(server, name, '--file', ...args)).json();
      expect(result).toMatchObject({
        read: 4,
        indexed: 2,
        rejected: 2,
        reasons: [{ count: 2, firstLine: 1 }],
      });
    }
    expect((await to.hits()).map(({ id }) => id).sort()).toEqual(['\ufffd', '\ufffd😀']);
  });

  test('a dataset of Parquet files is the documents that SQL gives', async () => {
    const [server] = servers as [SharedSearch];
    const env = { METRIFY_POSTGRES_URL: database.url };
    const sql = `SELECT i AS id, 9007199254740993 + i AS meter_id, (i / 7.0)::numeric(30, 20) AS value, i % 2 AS parity,
      timestamptz '2026-01-02 03:04:05+00' + i * interval '1.5 s' AS at, date '2026-01-01' + i AS day, NULL::text AS note,
      ARRAY[timestamp '2026-01-01', NULL] AS times FROM generate_series(1, 5) i`;
    const lake = join(folder.path, 'lake');
    const exported = await metrifyInProcess(['export', 'parquet', '--sql', sql, '--to', lake], { env });
    expect(exported.code).toBe(0);
    const sourcesOf = async (name: string, ...from: string[]) => {
      made.push(`${server.url}/${server.prefix}${name}`);
      const to = await createIndex(server.url, `${server.prefix}${name}`, { mappings: { dynamic: false } });
      const { result } = (await run(server, to.name, ...from, '--id', 'id')).json();
      expect(result).toMatchObject({ read: 5, indexed: 5 });
      return Promise.all([1, 2, 3, 4, 5].map((id) => to.sourceText(String(id))));
    };
    const wanted = await sourcesOf('from-sql', '--sql', sql);
    expect(wanted[0]).toContain('"meter_id":9007199254740994,"value":0.14285714285714285714');
    expect(await sourcesOf('from-parquet', '--parquet', lake)).toEqual(wanted);
  });

  test('a data stream takes only new documents', async () => {
    const [, opensearch] = servers as [SharedSearch, SharedSearch];
    const name = `${opensearch.prefix}stream`;
    await ask('PUT', `${opensearch.url}/_index_template/${name}`, {
      index_patterns: [name],
      data_stream: {},
      priority: 900,
    });
    streams.push(`${opensearch.url}/_data_stream/${name}`, `${opensearch.url}/_index_template/${name}`);
    const path = await file(
      'stream.jsonl',
      [1, 2].map((n) => JSON.stringify({ '@timestamp': '2026-01-01T00:00:00Z', n })).join('\n'),
    );
    const first = (await run(opensearch, name, '--file', path)).json();
    expect(first).toMatchObject({ exitCode: 0, result: { indexed: 2 } });
    const refused = await run(opensearch, name, '--file', path, '--op', 'index');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('DATA_STREAM')]);
    const versions = await run(opensearch, name, '--file', path, '--external-version', 'n');
    expect([versions.code, versions.stderr]).toEqual([
      2,
      expect.stringContaining('--external-version does not go with --op create'),
    ]);
    const again = () => run(opensearch, name, '--file', path);
    expect((await again()).json()).toMatchObject({ exitCode: 6, result: { indexed: 0, rejected: 2 } });
    await ask('POST', `${opensearch.url}/${name}/_rollover`);
    expect((await again()).json()).toMatchObject({ exitCode: 6, result: { indexed: 0, rejected: 2 } });
    expect(await indexAt(opensearch.url, name).count()).toBe(2);
  });

  test('a run into a data stream continues after a rollover, and doubles nothing', async () => {
    const [, opensearch] = servers as [SharedSearch, SharedSearch];
    const name = `${opensearch.prefix}rolled`;
    await ask('PUT', `${opensearch.url}/_index_template/${name}`, {
      index_patterns: [name],
      data_stream: {},
      priority: 900,
    });
    streams.push(`${opensearch.url}/_data_stream/${name}`, `${opensearch.url}/_index_template/${name}`);
    const rows = Array.from({ length: 800 }, (_, n) => ({ '@timestamp': '2026-01-01T00:00:00Z', n }));
    const path = await file('rolled.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    const checkpoint = join(folder.path, 'rolled.json');
    const resume = ['--file', path, '--resume', checkpoint];
    const whole = run(opensearch, name, ...resume, '--rate', '200');
    while (!existsSync(checkpoint)) await delay(20);
    // As a run that is killed leaves it: documents that came after the checkpoint are there.
    const left = await readFile(checkpoint);
    expect((await whole).code).toBe(0);
    await writeFile(checkpoint, left);
    const lock = await acquireFileLock(`${checkpoint}.lock`, { title: 'another run' });
    const second = await run(opensearch, name, ...resume);
    lock.release();
    expect([second.code, second.stderr]).toEqual([4, expect.stringContaining('LOCK_HELD')]);
    await ask('POST', `${opensearch.url}/${name}/_rollover`);
    const finished = (await run(opensearch, name, ...resume)).json();
    expect(finished).toMatchObject({ exitCode: 0, result: { read: 800, indexed: 800 } });
    expect(await indexAt(opensearch.url, name).count()).toBe(800);
    // What a checkpoint is about must still be there.
    await writeFile(checkpoint, left);
    await ask('DELETE', `${opensearch.url}/_data_stream/${name}`);
    await ask('PUT', `${opensearch.url}/_data_stream/${name}`);
    const other = await run(opensearch, name, ...resume);
    expect(existsSync(lock.path)).toBe(false);
    expect([other.code, other.stderr]).toEqual([4, expect.stringContaining('INDEX_REPLACED')]);
  });
});
