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
    for (const { ttlMs } of held.values()) expect(ttlMs).toBeGreaterThan(400_000);
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
