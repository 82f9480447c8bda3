import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { openDatabaseBulkLevel } from '../../src/lib/cache/database/bulk-level.js';
import type {
  BulkLevel,
  Entry,
  KeyInfo,
  BulkRemoveOutcome,
  BulkWriteOutcome,
} from '../../src/lib/cache/bulk-level.js';
import { toBytes, type ByteString } from '../../src/lib/core/bytes.js';
import { systemClock } from '../../src/lib/core/clock.js';
import { ServiceRefused, ServiceUnavailable } from '../../src/lib/core/errors.js';
import { seeded } from '../random.js';
import { needs } from '../servers/needs.js';
import { freeze } from '../servers/process.js';
import { until } from '../servers/ports.js';
import { startPostgres } from '../servers/postgres.js';
import { ownDatabase, type OwnDatabase } from '../servers/shared.js';

const signal = new AbortController().signal;
const levels: BulkLevel[] = [];
let tables = 0;

async function open(url: string, table = `cache_${++tables}`, requestTimeoutMs = 10_000): Promise<BulkLevel> {
  const timeouts = { connectTimeoutMs: 10_000, requestTimeoutMs };
  const level = await openDatabaseBulkLevel(
    { name: 'cold', table, settings: { url }, timeouts, clock: systemClock },
    signal,
  );
  levels.push(level);
  return level;
}

async function write(
  level: BulkLevel,
  entries: Entry[],
  nx = false,
  between?: () => Promise<unknown>,
): Promise<string[]> {
  const outcomes = new Map<Entry, string[]>(entries.map((entry) => [entry, []]));
  const settled = (entry: Entry, outcome: BulkWriteOutcome, reason?: string): void =>
    void outcomes.get(entry)!.push(reason === undefined ? outcome : `${outcome}: ${reason}`);
  const writer = await level.writer({ nx, signal, settled });
  for (let at = 0; at < entries.length; at += 1000) {
    await writer.write(entries.slice(at, at + 1000));
    if (at === 10_000) await between?.();
  }
  await writer.drain();
  return [...outcomes.values()].map((list) => list.join('+'));
}

async function scan(
  level: BulkLevel,
  options: { pattern?: string; limit?: number } = {},
): Promise<KeyInfo[]> {
  const keys: KeyInfo[] = [];
  for await (const batch of level.scan({ signal, details: { ttl: true, size: true }, ...options }))
    keys.push(...batch.keys);
  return keys;
}

const entry = (key: string, value = 'x', ttlMs = 0): Entry => ({
  key: toBytes(key),
  value: value as ByteString,
  ttlMs,
});
const meters = (count: number, ttlMs = 0): Entry[] =>
  Array.from({ length: count }, (_, i) => entry(`meter:${i}:latest`, `{"kwh":${i}}`, ttlMs));

needs('postgres')('the database level', () => {
  let database: OwnDatabase;
  beforeAll(async () => {
    database = await ownDatabase();
  });
  afterEach(async () => {
    for (const level of levels.splice(0)) await level.close();
  });

  test('is empty before its table is there', async () => {
    const level = await open(database.url);
    expect(await level.read([toBytes('a')], signal)).toEqual([null]);
    expect(await level.ttl(toBytes('a'), signal)).toBe(-2);
    expect(await scan(level)).toEqual([]);
    expect(await level.nodes(signal)).toMatchObject([{ keys: 0, memoryBytes: 0 }]);
    expect(await level.listeners(signal)).toEqual([]);
    const remover = await level.remover({ signal, settled: (_, outcome) => expect(outcome).toBe('gone') });
    await remover.remove([toBytes('a')]);
  });

  test('writes, reads, lists and removes', async () => {
    const level = await open(database.url, 'Cache "of" meters');
    const entries = meters(12_345, 60_000);
    expect(new Set(await write(level, entries))).toEqual(new Set(['written']));
    const keys = entries.map(({ key }) => key);
    expect(
      await level.read([...keys, toBytes('none'), '\xff' as ByteString, toBytes('a\0')], signal),
    ).toEqual([...entries.map(({ value }) => value), null, null, null]);
    expect(await level.nodes(signal)).toMatchObject([{ node: 'Cache "of" meters', keys: 12_345 }]);

    const listed = await scan(level);
    expect(listed.map(({ key }) => key)).toEqual([...keys].sort());
    expect(
      listed.every(({ ttlMs, bytes }) => ttlMs! > 40_000 && ttlMs! <= 60_000 && bytes! > 50 && bytes! < 100),
    ).toBe(true);
    expect(await scan(level, { pattern: 'meter:1?:*' })).toHaveLength(10);
    expect(await scan(level, { pattern: '*7:latest' })).toHaveLength(1234);
    expect(new Set((await scan(level, { limit: 500 })).map(({ key }) => key)).size).toBe(500);
    expect(await level.elements(listed.slice(0, 1), signal)).toEqual([9]);

    let removed = 0;
    const remover = await level.remover({
      signal,
      settled: (_, outcome) => void (removed += Number(outcome === 'removed')),
    });
    await remover.remove([...keys.slice(0, 5000), toBytes('none'), keys[0]!]);
    await remover.drain();
    expect(removed).toBe(5000);
    expect(await scan(level)).toHaveLength(7345);
  });

  test('keeps bytes, and refuses keys that are no text', async () => {
    await database.sql('CREATE SCHEMA other');
    const level = await open(database.url, 'other.cache');
    const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const odd = ['zähler"\\{},1', ' ', 'NULL', '', 'a%_'];
    expect(
      await write(
        level,
        odd.map((key) => entry(key, bytes)),
      ),
    ).toEqual(odd.map(() => 'written'));
    expect(await level.read(odd.map(toBytes), signal)).toEqual(odd.map(() => bytes));
    expect((await scan(level)).map(({ key }) => key).sort()).toEqual(odd.map(toBytes).sort());
    expect((await scan(level, { pattern: 'zä*' })).map(({ key }) => key)).toEqual([toBytes(odd[0]!)]);
    // By bytes, as in Redis: ä and é start with the same one.
    expect(await scan(level, { pattern: 'z[é]*' })).toHaveLength(1);
    expect(await scan(level, { pattern: 'a\0*' })).toEqual([]);

    const random = seeded(1);
    const unlucky = Array.from({ length: 3000 }, () =>
      String.fromCodePoint(0x4e00 + Math.floor(random() * 20_000)),
    ).join('');
    const outcomes = await write(level, [
      { key: '\xff' as ByteString, value: toBytes(''), ttlMs: 0 },
      { key: toBytes('a\0b'), value: toBytes(''), ttlMs: 0 },
      { key: toBytes('hash'), value: ['f', 'v'].map(toBytes), ttlMs: 0 },
      entry('good'),
      entry(unlucky),
      entry('better'),
    ]);
    expect(outcomes).toEqual([
      'failed: the key is no UTF-8 text',
      'failed: the key holds a NUL byte',
      'failed: the database level has no hashes',
      'written',
      expect.stringMatching(/^failed: PostgreSQL refused it: index row/),
      'written',
    ]);
  });

  test('the last of several sets wins, the first of several adds; what is over counts as gone', async () => {
    const level = await open(database.url);
    expect(await write(level, [entry('a', '1'), entry('b', '2', 150), entry('a', '3')])).toEqual([
      'written',
      'written',
      'written',
    ]);
    expect(await level.read([toBytes('a'), toBytes('b')], signal)).toEqual(['3', '2']);
    expect(await level.ttl(toBytes('a'), signal)).toBe(-1);
    await until('b is over', async () => (await level.ttl(toBytes('b'), signal)) === -2);
    expect(await level.read([toBytes('b')], signal)).toEqual([null]);
    expect((await scan(level)).map(({ key }) => key)).toEqual(['a']);

    const adds = [entry('a', '4'), entry('b', '5'), entry('c', '6'), entry('c', '7')];
    expect(await write(level, adds, true)).toEqual(['skipped', 'written', 'written', 'skipped']);
    expect(await level.read([toBytes('a'), toBytes('b'), toBytes('c')], signal)).toEqual(['3', '5', '6']);

    await write(level, [entry('d', 'x', 1)]);
    await until('d is over', async () => (await level.ttl(toBytes('d'), signal)) === -2);
    const settled: [string, BulkRemoveOutcome][] = [];
    const remover = await level.remover({ signal, settled: (key, outcome) => settled.push([key, outcome]) });
    await remover.remove([toBytes('c'), toBytes('d')]);
    expect(settled).toEqual([
      ['c', 'removed'],
      ['d', 'gone'],
    ]);
    const left = await database.sql(`SELECT key FROM ${(await level.nodes(signal))[0]!.node} ORDER BY 1`);
    expect(left).toEqual([{ key: 'a' }, { key: 'b' }]);
  });

  test('names triggers that run for deleted rows', async () => {
    const level = await open(database.url, 'watched');
    await write(level, meters(1));
    await database.sql(`CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
      CREATE TRIGGER audit AFTER DELETE ON watched FOR EACH ROW EXECUTE FUNCTION nothing()`);
    expect(await level.listeners(signal)).toEqual([expect.stringContaining('audit')]);
  });

  test('several writers at once create one table and do not lock each other out', async () => {
    const table = 'shared_by_all';
    const all = await Promise.all([0, 1, 2].map(() => open(database.url, table)));
    const entries = meters(3000);
    const outcomes = await Promise.all(
      all.map((level, i) => write(level, i % 2 ? entries : [...entries].reverse())),
    );
    expect(new Set(outcomes.flat())).toEqual(new Set(['written']));
    expect((await all[0]!.nodes(signal))[0]!.keys).toBe(3000);
  });

  test('a table that the role may write, and not create, is enough', async () => {
    await write(await open(database.url, 'granted'), meters(1));
    await database.sql(
      `CREATE ROLE writer_of_${database.name} LOGIN; GRANT SELECT, INSERT, UPDATE ON granted TO writer_of_${database.name}`,
    );
    const url = database.url.replace('postgres@', `writer_of_${database.name}@`);
    expect(await write(await open(url, 'granted'), meters(2))).toEqual(['written', 'written']);
    await expect(write(await open(url, 'not_there'), meters(1))).rejects.toBeInstanceOf(ServiceRefused);
    await expect(open(url, 'a.b.c')).rejects.toThrow(/no table's name/);
  });
});

needs('postgres')('the database level under faults', () => {
  let server: Awaited<ReturnType<typeof startPostgres>>;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    for (const level of levels.splice(0)) await level.close();
    await server.stop();
  });

  test('a restart in the middle of writing loses nothing and counts nothing twice', async () => {
    const level = await open(server.url);
    let back: Promise<void> | undefined;
    const outcomes = await write(level, meters(30_000), false, () =>
      Promise.resolve((back = server.restart())).then(() => {}),
    );
    await back;
    expect(new Set(outcomes)).toEqual(new Set(['written']));
    expect((await level.nodes(signal))[0]!.keys).toBe(30_000);
    expect(await scan(level)).toHaveLength(30_000);
  });

  test('a server that hangs or stays away fails within the time-out, by name', async () => {
    const level = await open(server.url, 'faults', 3000);
    await write(level, meters(10));
    // Only a stopped backend hangs an open connection; a stopped postmaster, new ones.
    const [row] = await server.sql(
      'postgres',
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'metrify' ORDER BY backend_start DESC LIMIT 1`,
    );
    const backend = row!['pid'] as number;
    freeze(backend);
    const started = performance.now();
    await expect(write(level, meters(10))).rejects.toThrow(new RegExp(`127.0.0.1:${server.port}`));
    expect(performance.now() - started).toBeLessThan(40_000);
    process.kill(backend, 'SIGCONT');
    expect(await level.read([toBytes('meter:1:latest')], signal)).toEqual(['{"kwh":1}']);

    await server.stop();
    const away = performance.now();
    await expect(scan(level)).rejects.toBeInstanceOf(ServiceUnavailable);
    await expect(level.read([toBytes('a')], signal)).rejects.toBeInstanceOf(ServiceUnavailable);
    expect(performance.now() - away).toBeLessThan(60_000);
  });
});
