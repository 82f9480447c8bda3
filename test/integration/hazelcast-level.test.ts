import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import type { BulkLevel, Entry, KeyInfo } from '../../src/lib/cache/bulk-level.js';
import { openHazelcastBulkLevel } from '../../src/lib/cache/hazelcast/bulk-level.js';
import { HazelcastKeyedLevel } from '../../src/lib/cache/hazelcast/keyed-level.js';
import type { HazelcastSettings } from '../../src/lib/clients/settings.js';
import { toBytes, type ByteString } from '../../src/lib/core/bytes.js';
import { systemClock } from '../../src/lib/core/clock.js';
import { ServiceRefused, ServiceUnavailable } from '../../src/lib/core/errors.js';
import { startHazelcast, type HazelcastServer } from '../servers/hazelcast.js';
import { needs } from '../servers/needs.js';
import { until } from '../servers/ports.js';
import { meters, onlyWritten, remove, scan, write } from './level-work.js';

const signal = new AbortController().signal;
const servers: HazelcastServer[] = [];
const levels: BulkLevel[] = [];
/** One member for the tests that leave it alive; each has maps of its own. */
let shared: HazelcastServer;
let maps = 0;

afterEach(async () => {
  for (const level of levels.splice(0)) await level.close();
  for (const server of servers.splice(0)) {
    await server.kill();
    await server.stop();
  }
});

async function open(
  server: Pick<HazelcastServer, 'url'>,
  settings: Partial<HazelcastSettings> = {},
  requestTimeoutMs = 10_000,
): Promise<BulkLevel> {
  const level = await openHazelcastBulkLevel(
    {
      name: 'warm',
      settings: { urls: [server.url], ...settings },
      timeouts: { connectTimeoutMs: 5000, requestTimeoutMs },
      clock: systemClock,
    },
    signal,
  );
  levels.push(level);
  return level;
}

const freshMap = () => `map${++maps}`;

needs('hazelcast')('the hazelcast level', () => {
  beforeAll(async () => {
    const limits = { eviction: { 'eviction-policy': 'LRU', 'max-size-policy': 'PER_NODE', size: 1000 } };
    const maps = {
      limited: limits,
      ending: { 'time-to-live-seconds': 300 },
      watched: { 'per-entry-stats-enabled': true },
      objects: { 'in-memory-format': 'OBJECT' },
    };
    shared = await startHazelcast({ maps });
  });
  afterAll(() => shared?.stop());

  test.each([0, 60_000])('writes, reads, lists and removes (time to live %d)', async (ttlMs) => {
    const map = freshMap();
    const level = await open(shared, { map });
    const entries = meters(5000, ttlMs);
    const { outcomes, restarts } = await write(level, entries);
    expect(onlyWritten(outcomes)).toBe(true);
    expect([outcomes.size, restarts]).toEqual([5000, 0]);

    const inJava = await shared.entries(map);
    expect(inJava.size).toBe(5000);
    for (const { key, value } of entries) {
      const { keyType, valueType, value: there, ttlMs: rest } = inJava.get(key)!;
      expect([keyType, valueType, there]).toEqual(['String', 'String', value]);
      if (ttlMs === 0) expect(rest).toBe(-1);
      else expect(Math.abs(rest - ttlMs)).toBeLessThan(20_000);
    }

    const keys = entries.map((entry) => entry.key);
    expect(await level.read([...keys, toBytes('none')], signal)).toEqual([
      ...entries.map(({ value }) => value),
      null,
    ]);
    const [node] = await level.nodes(signal);
    expect(node).toMatchObject({ node: `127.0.0.1:${shared.port}`, version: '5.5.0', keys: 5000 });
    expect(node!.memoryBytes).toBeGreaterThan(5000 * 30);

    const listed = await scan(level);
    expect(listed.map((info) => info.key).sort()).toEqual([...keys].sort());
    const bytes = listed.reduce((sum, info) => sum + info.bytes!, 0);
    expect(Math.abs(node!.memoryBytes / bytes - 1)).toBeLessThan(0.1);
    for (const info of listed) {
      expect(info.type).toBe('entry');
      if (ttlMs === 0) expect(info.ttlMs).toBe(-1);
      else expect(Math.abs(info.ttlMs! - ttlMs)).toBeLessThan(20_000);
    }
    expect(await scan(level, { pattern: 'meter:1?:*' })).toHaveLength(10);
    const sample = await scan(level, { limit: 300 });
    expect(new Set(sample.map((info) => info.key)).size).toBe(300);

    const removed = await remove(level, [...keys.slice(0, 1000), 'none']);
    expect([...removed.values()].every((list) => list.length === 1)).toBe(true);
    const gone = [...removed].filter(([, [was]]) => was).map(([key]) => key);
    expect(gone.sort()).toEqual(keys.slice(0, 1000).sort());
    expect(await shared.size(map)).toBe(4000);
    expect(await level.listeners(signal)).toEqual([]);
  });

  test('keeps bytes, times to live and what is there already', async () => {
    const map = freshMap();
    const level = await open(shared, { map });
    const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const day = 86_400_000;
    await write(level, [
      { key: toBytes('zähler:1'), value: toBytes('größer 😀'), ttlMs: 0 },
      { key: bytes as ByteString, value: bytes as ByteString, ttlMs: 0 },
      { key: toBytes('empty'), value: toBytes(''), ttlMs: 300 },
      { key: toBytes('long'), value: toBytes('x'), ttlMs: 400 * day },
      { key: toBytes('nul\0'), value: toBytes('\0'), ttlMs: 1500 },
    ]);
    const inJava = await shared.entries(map);
    expect(inJava.get(toBytes('zähler:1'))).toMatchObject({
      keyType: 'String',
      valueType: 'String',
      value: toBytes('größer 😀'),
    });
    expect(inJava.get(bytes)).toMatchObject({ keyType: 'byte[]', valueType: 'byte[]', value: bytes });
    expect(await level.read([bytes as ByteString, toBytes('zähler:1'), toBytes('nul\0')], signal)).toEqual([
      bytes,
      toBytes('größer 😀'),
      '\0',
    ]);
    expect((await scan(level)).map((info) => info.key)).toEqual(
      expect.arrayContaining([bytes, toBytes('zähler:1'), 'long']),
    );
    expect(await level.ttl(bytes as ByteString, signal)).toBe(-1);
    expect(Math.abs((await level.ttl(toBytes('long'), signal)) - 400 * day)).toBeLessThan(60_000);
    expect(await level.ttl(toBytes('none'), signal)).toBe(-2);
    await until('the short one is gone', async () => (await level.ttl(toBytes('empty'), signal)) === -2);

    const { outcomes } = await write(
      level,
      [{ key: toBytes('long'), value: toBytes('y'), ttlMs: 0 }, ...meters(1)],
      true,
    );
    expect([...outcomes.values()]).toEqual([['skipped'], ['written']]);
    expect(await level.read([toBytes('long')], signal)).toEqual(['x']);
    expect([...(await remove(level, [bytes])).values()]).toEqual([[true]]);
    expect((await shared.entries(map)).has(bytes)).toBe(false);
  });

  test('of a key that occurs twice the last value stays, under nx the first', async () => {
    const level = await open(shared, { map: freshMap() });
    const twice = (key: string, ttlMs: number): Entry[] =>
      ['a', 'b'].map((value) => ({ key: toBytes(key), value: toBytes(value), ttlMs }));
    await write(level, [...twice('endless', 0), ...twice('ending', 60_000)]);
    expect(await level.read([toBytes('endless'), toBytes('ending')], signal)).toEqual(['b', 'b']);
    const { outcomes } = await write(level, [...twice('c', 0), ...twice('d', 60_000)], true);
    expect([...outcomes.values()].map((list) => list.sort())).toEqual([
      ['skipped', 'written'],
      ['skipped', 'written'],
    ]);
    expect(await level.read([toBytes('c'), toBytes('d')], signal)).toEqual(['a', 'a']);
  });

  test('refuses hashes, and writes the others', async () => {
    const level = await open(shared, { map: freshMap() });
    const { outcomes } = await write(level, [
      { key: toBytes('hash'), value: ['f', 'v'].map(toBytes), ttlMs: 0 },
      ...meters(1),
    ]);
    expect([...outcomes.values()]).toEqual([[expect.stringMatching(/^failed: .*hashes/)], ['written']]);
  });

  test('leaves entries of other types alone, and tells the values that Java put there', async () => {
    const map = freshMap();
    const level = await open(shared, { map });
    await shared.put(map, 'java', 'ok');
    await shared.putNumber(map, 7, 8);
    await write(level, meters(10));
    expect(await level.read([toBytes('java'), toBytes('7')], signal)).toEqual(['ok', null]);
    expect(await scan(level)).toHaveLength(11);
    expect([...(await remove(level, ['7', 'java'])).values()]).toEqual([[false], [true]]);
    expect(await shared.size(map)).toBe(11);
  });

  test('near its size limit the map evicts: what was written is missing, and counts stay true', async () => {
    const level = await open(shared, { map: 'limited' });
    const entries = meters(5000);
    const { outcomes } = await write(level, entries);
    expect(onlyWritten(outcomes)).toBe(true);
    const found = await level.read(
      entries.map(({ key }) => key),
      signal,
    );
    const held = await shared.entries('limited');
    expect(held.size).toBeLessThan(2500);
    expect(found.filter((value) => value !== null)).toHaveLength(held.size);
    expect((await level.nodes(signal))[0]!.keys).toBe(held.size);
    expect(await scan(level)).toHaveLength(held.size);
  });

  test('an entry without an end has none in a map that gives ends', async () => {
    const level = await open(shared, { map: 'ending' });
    await write(level, meters(3000));
    for (const { ttlMs } of (await shared.entries('ending')).values()) expect(ttlMs).toBe(-1);
    expect(await shared.size('ending')).toBe(3000);
  });

  test('what is warmed over keys of the library is what its readers get, and what Java puts there is loaded again', async () => {
    const map = freshMap();
    const level = await open(shared, { map });
    const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 10_000 };
    const settings = { urls: [shared.url], map };
    const store = await HazelcastKeyedLevel.open(
      { name: 'h', settings, timeouts, clock: systemClock },
      signal,
    );
    const value = async (key: string) => (await store.lookup(toBytes(key))).found?.value;
    const keys = meters(20).map(({ key }) => key);
    for (const key of keys) await store.set(key, { value: toBytes('by the library') }, 1n);
    const { lease } = await store.lookup(toBytes('absent'));
    const before = await store.lookup(keys[0]!);
    expect(before.found?.value).toBe('by the library');

    const { outcomes } = await write(level, [
      ...meters(40, 60_000),
      { key: keys[1]!, value: toBytes('last'), ttlMs: 0 },
    ]);
    expect(outcomes.get(keys[1]!)).toEqual(['written', 'written']);
    expect(await value(keys[0]!)).toBe('{"kwh":0}');
    expect(await value(keys[1]!)).toBe('last');
    expect(await value('meter:30:latest')).toBe('{"kwh":30}');
    const { found } = await store.lookup(toBytes('meter:30:latest'));
    expect(Math.abs(found!.expiresAt! - systemClock.monotonic() - 60_000)).toBeLessThan(20_000);
    // A reader that had missed before the warm must not bring back what it loaded then.
    expect(await store.fill(keys[0]!, { value: toBytes('old') }, before.lease, true)).toBe('refused');
    expect(await store.set(keys[2]!, { value: toBytes('old') }, 1n)).toBe('refused');
    expect(await store.fill(toBytes('absent'), { value: toBytes('new') }, lease)).toBe('stored');

    await remove(level, [keys[3]!]);
    expect(await value(keys[3]!)).toBeUndefined();
    const nx = await write(
      level,
      [...meters(5), { key: toBytes('absent'), value: toBytes('nx'), ttlMs: 0 }],
      true,
    );
    expect([...nx.outcomes].filter(([, outcome]) => outcome.join() !== 'skipped')).toEqual([
      [keys[3], ['written']],
    ]);
    expect(nx.outcomes.size).toBe(6);
    expect(await value(keys[3]!)).toBe('{"kwh":3}');

    await shared.put(map, keys[4]!, 'by Java');
    expect(await value(keys[4]!)).toBeUndefined();
    await shared.put(map, 'other', 'by Java');
    expect(await value('other')).toBe('by Java');
    expect((await shared.entries(map)).get('absent')).toMatchObject({ valueType: 'String', value: 'new' });
    await store.close();
  });

  test('idle times come from maps that keep them, and are refused elsewhere', async () => {
    const watched = await open(shared, { map: 'watched' });
    await write(watched, meters(10));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await watched.read([toBytes('meter:3:latest')], signal);
    const infos = await scan(watched, { idle: true });
    const wasRead = ({ key }: KeyInfo) => key === 'meter:3:latest';
    const idleOfRead = infos.find(wasRead)!.idleMs!;
    const others = infos.filter((info) => !wasRead(info)).map(({ idleMs }) => idleMs!);
    expect(others).toHaveLength(9);
    // It was read 2.5 s after they were written; the map counts in seconds.
    expect(Math.min(...others) - idleOfRead).toBeGreaterThan(1200);
    expect(Math.min(...others)).toBeGreaterThan(1500);
    const other = await open(shared, { map: freshMap() });
    await write(other, meters(1));
    await expect(scan(other, { idle: true })).rejects.toMatchObject({
      code: 'NO_IDLE_TIMES',
      hint: expect.stringContaining('per-entry-stats-enabled'),
    });
  });

  test('works on maps that keep objects, whose sizes nobody knows', async () => {
    const level = await open(shared, { map: 'objects' });
    await write(level, meters(100));
    expect(await level.read([toBytes('meter:5:latest')], signal)).toEqual(['{"kwh":5}']);
    expect((await scan(level)).every(({ bytes }) => bytes === undefined)).toBe(true);
    expect((await level.nodes(signal))[0]).toMatchObject({ keys: 100, memoryBytes: 0 });
  });

  test('a wrong cluster name is refused; nobody there, or something else, is told within the time-out', async () => {
    await expect(open(shared, { clusterName: 'prod' })).rejects.toBeInstanceOf(ServiceRefused);
    await expect(open(shared, { clusterName: 'prod' })).rejects.toThrow(
      `127.0.0.1:${shared.port} refused us: the cluster is not named 'prod'`,
    );
    await expect(open({ url: 'hazelcast://127.0.0.1:1' })).rejects.toThrow(
      /127\.0\.0\.1:1 cannot be reached: connection refused/,
    );
    await expect(open({ url: 'hazelcast://nobody.invalid' })).rejects.toThrow(
      /nobody\.invalid:5701 cannot be reached: no such host/,
    );
    const { createServer } = await import('node:net');
    const other = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const started = performance.now();
    await expect(open({ url: `hazelcast://127.0.0.1:${port}` })).rejects.toBeInstanceOf(ServiceUnavailable);
    expect(performance.now() - started).toBeLessThan(20_000);
    other.close();
  });
});
