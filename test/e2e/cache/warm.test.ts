import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import {
  ownDatabase,
  ownMemcached,
  ownRedis,
  ownRedisCluster,
  type OwnDatabase,
  type OwnPrefix,
  type OwnRedis,
} from '../../servers/shared.js';
import { metrify, type Finished } from '../run.js';
import { memcachedGet } from './memcached-probe.js';
import { dumpCluster, Probe, type Held } from './redis-probe.js';

/** Every kind of text that something on the way could take apart. */
const names = [
  'plain',
  'with, comma',
  'with "quotes"',
  'Zähler über €',
  '电表 🔌',
  "it's\tone",
  '{"a":1}',
  ' blank ',
];
const rows = Array.from({ length: 300 }, (_, i) => ({
  id: i + 1,
  name: names[i % names.length]!,
  kwh: `${i}.${'1234567890123456789'.slice(0, 1 + (i % 19))}0`,
}));
type Row = (typeof rows)[number];

const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
const csvField = (text: string) => `"${text.replaceAll('"', '""')}"`;
const csv = `id,name,kwh\n${rows.map((row) => `${row.id},${csvField(row.name)},${row.kwh}`).join('\n')}\n`;
const jsonLine = (row: Row) => `{"id":${row.id}, "name":${JSON.stringify(row.name)},"kwh":${row.kwh}}`;
const jsonl = `${rows.map(jsonLine).join('\r\n')}\r\n`;
const sql = 'select id, name, kwh from warm_rows';

/** What each source makes of a row as JSON: CSV has only texts, JSON lines stay as they are, SQL has its types. */
const asJson: Record<string, (row: Row) => string> = {
  csv: (row) => JSON.stringify({ id: String(row.id), name: row.name, kwh: row.kwh }),
  jsonl: jsonLine,
  sql: (row) => `{"id":${row.id},"name":${JSON.stringify(row.name)},"kwh":${row.kwh}}`,
  stdin: (row) => JSON.stringify({ id: String(row.id), name: row.name, kwh: row.kwh }),
};
const sources = ['csv', 'jsonl', 'sql', 'stdin'] as const;

let folder: TemporaryDirectory;
beforeAll(async () => {
  folder = await temporaryDirectory('warm');
  await writeFile(join(folder.path, 'rows.csv'), csv);
  await writeFile(join(folder.path, 'rows.jsonl'), jsonl);
});
afterAll(() => folder.remove());

const text = (held: Map<string, Held>) => new Map([...held].map(([key, { value }]) => [key, value]));

needs(
  'redis',
  'memcached',
  'postgres',
)('cache warm, every source into every level', () => {
  let redis: OwnRedis;
  let cluster: OwnPrefix;
  let memcached: OwnPrefix;
  let database: OwnDatabase;

  beforeAll(async () => {
    [redis, cluster, memcached, database] = await Promise.all([
      ownRedis(),
      ownRedisCluster(),
      ownMemcached(),
      ownDatabase(),
    ]);
    await database.sql('CREATE TABLE warm_rows (id int, name text, kwh numeric)');
    await database.sql(
      'INSERT INTO warm_rows SELECT * FROM json_to_recordset($1) AS r(id int, name text, kwh numeric)',
      [`[${rows.map(jsonLine).join(',')}]`],
    );
  });

  function run(source: (typeof sources)[number], more: string[], redisUrl: string): Promise<Finished> {
    const from = {
      csv: ['--file', join(folder.path, 'rows.csv')],
      jsonl: ['--file', join(folder.path, 'rows.jsonl')],
      sql: ['--sql', sql],
      stdin: ['--stdin'],
    }[source];
    const args = ['cache', 'warm', ...from, '--json', ...more];
    const env = {
      METRIFY_REDIS_URL: redisUrl,
      METRIFY_MEMCACHED_SERVERS: memcached.urls.join(','),
      METRIFY_POSTGRES_URL: database.url,
    };
    return metrify(args, { env, stdin: source === 'stdin' ? csv : '' });
  }
  function expectAll(finished: Finished, levels: number): void {
    expect(finished.code, finished.stderr).toBe(0);
    const { result } = finished.json();
    const count = rows.length * levels;
    expect(result).toMatchObject({ read: rows.length, written: count, skipped: 0, failed: 0 });
    expect(result.levels).toHaveLength(levels);
  }

  describe.each(sources)('%s', (source) => {
    test.each(['json', 'column:name', 'column:kwh'])(
      '%s into Redis, Memcached and the database at once',
      async (value) => {
        const key = `${memcached.prefix}${source}:${value.replace(':', '-')}:`;
        const finished = await run(
          source,
          [
            '--key',
            `${key}{id}`,
            '--value',
            value,
            '--to',
            'redis,memcached',
            '--to',
            'database',
            '--verify',
            '50',
          ],
          redis.url,
        );
        expectAll(finished, 3);
        expect(finished.json().result.verified).toMatchObject({ checked: 150, mismatched: 0, missing: 0 });
        const expected = new Map(
          rows.map((row) => [
            `${key}${row.id}`,
            bytes(value === 'json' ? asJson[source]!(row) : value === 'column:name' ? row.name : row.kwh),
          ]),
        );
        const inRedis = await Probe.with(redis.port, redis.database, (probe) => probe.dump(`${key}*`));
        expect(text(inRedis)).toEqual(expected);
        expect(await memcachedGet(memcached.urls[0]!, [...expected.keys()])).toEqual(expected);
        const stored = await database.sql('SELECT key, value FROM metrify_cache WHERE starts_with(key, $1)', [
          key,
        ]);
        expect(
          new Map(stored.map((row) => [row['key'], (row['value'] as Buffer).toString('latin1')])),
        ).toEqual(expected);
        const size = [...expected].reduce((sum, [name, content]) => sum + name.length + content.length, 0);
        expect(finished.json().result.bytes).toBe(3 * size);
      },
    );

    test.each(['json', 'hash'])('%s into a Redis Cluster', async (value) => {
      const key = `${cluster.prefix}${source}:${value}:`;
      // Standard input cannot be read once more.
      const verify = source === 'stdin' ? '100' : 'all';
      const args = ['--key', `${key}{id}`, '--value', value, '--to', 'redis', '--verify', verify];
      expectAll(await run(source, args, cluster.urls.join(',')), 1);
      const port = Number(new URL(cluster.urls[0]!).port);
      const expected = new Map(
        rows.map((row): [string, unknown] => [
          `${key}${row.id}`,
          value === 'json'
            ? bytes(asJson[source]!(row))
            : { id: String(row.id), name: bytes(row.name), kwh: row.kwh },
        ]),
      );
      expect(text(await dumpCluster(port, `${key}*`))).toEqual(expected);
    });
  });

  test('a hash replaces what was there as a whole, with its time to live', async () => {
    const key = 'whole:';
    await Probe.with(redis.port, redis.database, async (probe) => {
      await probe.ask('HSET', `${key}1`, 'old', 'field');
      await probe.ask('SET', `${key}2`, 'a string');
      await probe.ask('RPUSH', `${key}3`, 'a', 'list');
    });
    const args = ['--key', `${key}{id}`, '--value', 'hash', '--ttl', '10m', '--verify', 'all'];
    expectAll(await run('csv', args, redis.url), 1);
    const held = await Probe.with(redis.port, redis.database, (probe) => probe.dump(`${key}*`));
    for (const row of rows.slice(0, 3))
      expect(held.get(`${key}${row.id}`)!.value).toEqual({
        id: String(row.id),
        name: bytes(row.name),
        kwh: row.kwh,
      });
    for (const { ttlMs } of held.values()) expect(ttlMs).toBeGreaterThan(590_000);
  });

  test('times of SQL are ISO 8601 in UTC, whatever the zone of the server; digits, nulls and arrays stay', async () => {
    const query = `select 1 as id, timestamptz '2026-03-29 02:30:00.25+02' as at, date '2026-03-29' as day,
      12345678901234567890.10::numeric as total, 9007199254740993::int8 as big, null::text as nothing,
      array[1.50, 2]::numeric[] as list, '{"b":  1.10, "a":[]}'::json as doc, true as on, 'NaN'::float8 as nan`;
    await database.sql(`ALTER DATABASE ${database.name} SET timezone TO 'America/New_York'`);
    const env = { METRIFY_REDIS_URL: redis.url, METRIFY_POSTGRES_URL: database.url };
    const finished = await metrify(
      ['cache', 'warm', '--sql', query, '--key', 'types:{id}', '--to', 'redis'],
      { env },
    );
    expect(finished.code, finished.stderr).toBe(0);
    expect(await Probe.with(redis.port, redis.database, (probe) => probe.ask('GET', 'types:1'))).toBe(
      '{"id":1,"at":"2026-03-29T00:30:00.25Z","day":"2026-03-29","total":12345678901234567890.10,' +
        '"big":9007199254740993,"nothing":null,"list":[1.50,2],"doc":{"b":  1.10, "a":[]},"on":true,"nan":"NaN"}',
    );
  });

  test('a hash goes only where there are hashes: exit 2, nothing written', async () => {
    const finished = await run(
      'csv',
      ['--key', 'nohash:{id}', '--value', 'hash', '--to', 'redis,memcached'],
      redis.url,
    );
    expect(finished.code).toBe(2);
    expect(JSON.parse(finished.stderr).error.message).toContain('memcached');
    expect(await Probe.with(redis.port, redis.database, (probe) => probe.ask('KEYS', 'nohash:*'))).toEqual(
      [],
    );
  });

  test('Memcached refuses what it cannot hold: counted, explained, the rest is written', async () => {
    const file = join(folder.path, 'awkward.csv');
    await writeFile(
      file,
      `id,v\nfine,1\nwith blank,2\n${'k'.repeat(251)},3\nlarge,${'x'.repeat(1_100_000)}\n`,
    );
    const finished = await metrify(
      ['cache', 'warm', '--file', file, '--key', `${memcached.prefix}{id}`, '--value', 'column:v', '--json'],
      { env: { METRIFY_MEMCACHED_SERVERS: memcached.urls[0]! } },
    );
    expect(finished.code, finished.stderr).toBe(6);
    expect(finished.json().result).toMatchObject({ read: 4, written: 1, failed: 3 });
    expect(
      finished
        .json()
        .result.failures.map(({ firstLine }: { firstLine: number }) => firstLine)
        .sort(),
    ).toEqual([3, 4, 5]);
  });
});

needs('redis')('cache warm, its options', () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await ownRedis();
  });
  const warm = (file: string, ...more: string[]) =>
    metrify(['cache', 'warm', '--file', file, '--redis-url', redis.url, '--json', ...more]);
  const dump = (pattern: string) => Probe.with(redis.port, redis.database, (probe) => probe.dump(pattern));
  async function put(name: string, content: string): Promise<string> {
    await writeFile(join(folder.path, name), content);
    return join(folder.path, name);
  }

  test('times to live lie within the jitter, and are spread over it', async () => {
    const file = await put('ttl.csv', `id\n${Array.from({ length: 2000 }, (_, i) => i).join('\n')}\n`);
    await warm(file, '--key', 'ttl:{id}', '--ttl', '1h', '--ttl-jitter', '10%');
    const ttls = [...(await dump('ttl:*')).values()].map(({ ttlMs }) => ttlMs);
    expect(ttls).toHaveLength(2000);
    const [low, high] = [Math.min(...ttls), Math.max(...ttls)];
    expect(low).toBeGreaterThan(3_240_000 - 10_000);
    expect(low).toBeLessThan(3_260_000);
    expect(high).toBeLessThanOrEqual(3_960_000);
    expect(high).toBeGreaterThan(3_940_000);
    const mean = ttls.reduce((a, b) => a + b) / ttls.length;
    expect(Math.abs(mean - 3_600_000)).toBeLessThan(30_000);
  });

  test('without --ttl nothing expires; the TTL of a configured level counts', async () => {
    const file = await put('plain.csv', 'id\n1\n');
    await warm(file, '--key', 'forever:{id}');
    expect((await dump('forever:*')).get('forever:1')!.ttlMs).toBe(-1);
    const config = await put(
      'metrify.config.yaml',
      `environments:\n  default:\n    redis: { url: "${redis.url}" }\n    cache:\n      levels:\n        - { name: quick, type: redis, ttl: 5m }\n`,
    );
    const finished = await metrify([
      '-c',
      config,
      'cache',
      'warm',
      '--file',
      file,
      '--key',
      'level:{id}',
      '--to',
      'quick',
      '--json',
    ]);
    expect(finished.code, finished.stderr).toBe(0);
    const { ttlMs } = (await dump('level:*')).get('level:1')!;
    expect(ttlMs).toBeGreaterThan(290_000);
    expect(ttlMs).toBeLessThanOrEqual(300_000);
  });

  test('--nx leaves what is there alone, and does not compare it', async () => {
    const file = await put('nx.csv', 'id,v\n1,new\n2,new\n3,new\n3,again\n');
    await Probe.with(redis.port, redis.database, (probe) => probe.ask('SET', 'nx:2', 'old'));
    for (const verify of ['all', '10']) {
      await Probe.with(redis.port, redis.database, (probe) => probe.ask('DEL', 'nx:1', 'nx:3'));
      const finished = await warm(
        file,
        '--key',
        'nx:{id}',
        '--value',
        'column:v',
        '--nx',
        '--verify',
        verify,
      );
      expect(finished.code, finished.stdout).toBe(0);
      expect(finished.json().result).toMatchObject({ read: 4, written: 2, skipped: 2, failed: 0 });
      expect(finished.json().result.verified).toMatchObject({ mismatched: 0, missing: 0 });
      expect(Object.fromEntries(text(await dump('nx:*')))).toEqual({
        'nx:1': 'new',
        'nx:2': 'old',
        'nx:3': 'new',
      });
    }
  });

  test('the key template: doubled braces, columns with odd names, UTF-8', async () => {
    const file = await put('template.csv', 'meter id,größe\n7,ä\n8,b c\n');
    const finished = await warm(file, '--key', 'é{{{meter id}}}:{größe}{{x}}', '--value', 'column:größe');
    expect(finished.code, finished.stderr).toBe(0);
    expect([...(await dump('*{[78]}*')).keys()].sort()).toEqual([bytes('é{7}:ä{x}'), bytes('é{8}:b c{x}')]);
  });

  test.each([
    ['{nope}', 'nope'],
    ['x:{id}:{}', "'{' without a column"],
    ['x:{id', "'{' without a column"],
    ['x:id}', "'}' too many"],
    ['constant', 'names no column'],
  ])('the template %s is refused before anything is written', async (template, message) => {
    const file = await put('refused.csv', 'id,v\n1,a\n');
    const finished = await warm(file, '--key', template);
    expect(finished.code).toBe(2);
    expect(JSON.parse(finished.stderr).error.message).toContain(message);
    expect(finished.stdout).toBe('');
    expect(await dump('x:*')).toEqual(new Map());
  });

  test.each([
    [['--value', 'column:nope']],
    [['--value', 'xml']],
    [['--verify', '0']],
    [['--verify', 'some']],
    [['--rate', '0']],
    [['--to', 'nowhere']],
  ])('%s is refused before anything is written', async (more) => {
    const file = await put('refused.csv', 'id,v\n1,a\n');
    const finished = await warm(file, '--key', 'refused:{id}', ...more);
    expect(finished.code).toBe(2);
    expect(await dump('refused:*')).toEqual(new Map());
  });

  test('rows without a key or a value, and lines that are none: counted, kept with their line, exit 6', async () => {
    const broken = await put('broken.csv', 'id,v\n1,a\n,b\n3\n4,d,e\n5,\n"6",f\n7,"open\n');
    const deadLetter = join(folder.path, 'dead.jsonl');
    const finished = await warm(
      broken,
      '--key',
      'dl:{id}',
      '--value',
      'column:v',
      '--dead-letter',
      deadLetter,
    );
    expect(finished.code, finished.stderr).toBe(6);
    expect(finished.json()).toMatchObject({
      verdict: 'partial',
      result: { read: 7, written: 2, failed: 5, deadLetter },
    });
    expect(Object.fromEntries(text(await dump('dl:*')))).toEqual({ 'dl:1': 'a', 'dl:6': 'f' });
    const dead = readFileSync(deadLetter, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(dead.map(({ line }) => line).sort()).toEqual([3, 4, 5, 6, 8]);
    expect(dead.find(({ line }) => line === 5)).toMatchObject({ row: '4,d,e' });
    expect(JSON.parse(dead.find(({ line }) => line === 3).row)).toEqual({ id: '', v: 'b' });
    for (const { reason } of dead) expect(reason).not.toBe('');
  });

  test('malformed JSON lines', async () => {
    const lines = [
      '{"id":1}',
      '{"id":2',
      '[3]',
      '',
      '{"id":null}',
      '{"other":5}',
      '{"id":"6"} trailing',
      '{"id":7.10}',
    ];
    const file = await put('broken.jsonl', `${lines.join('\n')}\n`);
    const deadLetter = join(folder.path, 'dead2.jsonl');
    const finished = await warm(file, '--key', 'jl:{id}', '--dead-letter', deadLetter);
    expect(finished.code, finished.stderr).toBe(6);
    expect(finished.json().result).toMatchObject({ read: 7, written: 2, failed: 5 });
    expect(Object.fromEntries(text(await dump('jl:*')))).toEqual({
      'jl:1': '{"id":1}',
      'jl:7.10': '{"id":7.10}',
    });
    const dead = readFileSync(deadLetter, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(dead.map(({ line, row }) => [line, row]).sort()).toEqual(
      [2, 3, 5, 6, 7].map((line) => [line, lines[line - 1]]),
    );
  });

  test('--rate holds, and spreads evenly', async () => {
    const file = await put('rate.csv', `id\n${Array.from({ length: 1500 }, (_, i) => i).join('\n')}\n`);
    const started = Date.now();
    const finished = await warm(file, '--key', 'rate:{id}', '--rate', '1000');
    const { durationMs } = finished.json();
    expect(durationMs).toBeGreaterThan(1350);
    expect(Date.now() - started).toBeLessThan(4000);
    expect((await dump('rate:*')).size).toBe(1500);
  });

  test('--dry-run shows the plan and changes nothing', async () => {
    const file = await put('dry.csv', 'id,v\n,x\n1,a\n');
    const finished = await warm(
      file,
      '--key',
      'dry:{id}',
      '--ttl',
      '1h',
      '--dry-run',
      '--dead-letter',
      join(folder.path, 'dry.dead'),
    );
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json()).toMatchObject({
      command: 'cache.warm',
      verdict: 'planned',
      result: { example: { key: 'dry:1', value: '{"id":"1","v":"a"}' }, columns: ['id', 'v'] },
    });
    expect(await dump('dry:*')).toEqual(new Map());
    expect(() => readFileSync(join(folder.path, 'dry.dead'))).toThrow('ENOENT');
  });

  test('several keys of one row: the last row of a key stays, on every level and in every batch', async () => {
    const count = 9000;
    const file = await put(
      'twice.csv',
      `id,v\n${Array.from({ length: count }, (_, i) => `${i % 3000},${i}`).join('\n')}\n`,
    );
    for (const verify of ['all', '500']) {
      const finished = await warm(file, '--key', 'twice:{id}', '--value', 'column:v', '--verify', verify);
      expect(finished.code, finished.stdout).toBe(0);
      expect(finished.json().result.verified).toMatchObject({ mismatched: 0, missing: 0 });
      const held = await dump('twice:*');
      expect(held.size).toBe(3000);
      for (const [key, { value }] of held) expect(value).toBe(String(6000 + Number(key.slice(6))));
    }
  });
});
