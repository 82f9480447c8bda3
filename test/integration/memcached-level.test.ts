import { once } from 'node:events';
import { connect } from 'node:net';

import { afterEach, describe, expect, test } from 'vitest';

import type { BulkLevel, Entry, KeyInfo, BulkWriteOutcome } from '../../src/lib/cache/bulk-level.js';
import { openMemcachedBulkLevel } from '../../src/lib/cache/memcached/bulk-level.js';
import { systemClock } from '../../src/lib/core/clock.js';
import { toBytes, type ByteString } from '../../src/lib/core/bytes.js';
import { ServiceRefused, ServiceUnavailable } from '../../src/lib/core/errors.js';
import { startMemcached, type MemcachedServer } from '../servers/memcached.js';
import { needs } from '../servers/needs.js';
import { until } from '../servers/ports.js';

const signal = new AbortController().signal;
const servers: MemcachedServer[] = [];
const levels: BulkLevel[] = [];

afterEach(async () => {
  for (const level of levels.splice(0)) await level.close();
  for (const server of servers.splice(0)) {
    await server.kill(); // it takes a second to stop by itself
    await server.stop();
  }
});

async function server(...args: string[]): Promise<MemcachedServer> {
  const started = await startMemcached({ args });
  servers.push(started);
  return started;
}

async function open(addresses: string[], requestTimeoutMs = 30_000): Promise<BulkLevel> {
  const level = await openMemcachedBulkLevel(
    {
      name: 'warm',
      settings: { servers: addresses },
      timeouts: { connectTimeoutMs: 3000, requestTimeoutMs },
      clock: systemClock,
    },
    signal,
  );
  levels.push(level);
  return level;
}

/** Writes, and says how often each key had which outcome. */
async function write(level: BulkLevel, entries: Entry[], nx = false, between?: () => Promise<unknown>) {
  const outcomes = new Map<string, string[]>();
  const settled = (entry: Entry, outcome: BulkWriteOutcome, reason?: string): void => {
    const text = reason === undefined ? outcome : `${outcome}: ${reason}`;
    const known = outcomes.get(entry.key);
    if (known) known.push(text);
    else outcomes.set(entry.key, [text]);
  };
  const writer = await level.writer({ nx, signal, settled });
  for (let at = 0; at < entries.length; at += 1000) {
    await writer.write(entries.slice(at, at + 1000));
    if (at === Math.floor(entries.length / 2000) * 1000) await between?.();
  }
  await writer.drain();
  await writer.close();
  return { outcomes, restarts: writer.restarts };
}

async function scan(
  level: BulkLevel,
  options: { pattern?: string; limit?: number } = {},
): Promise<KeyInfo[]> {
  const keys: KeyInfo[] = [];
  const details = { ttl: true, size: true, idle: true };
  for await (const batch of level.scan({ signal, details, ...options })) {
    if (batch.restart) keys.length = 0;
    keys.push(...batch.keys);
  }
  return keys;
}

const meters = (count: number, ttlMs = 0): Entry[] =>
  Array.from({ length: count }, (_, i) => ({
    key: toBytes(`meter:${i}:latest`),
    value: toBytes(`{"kwh":${i}}`),
    ttlMs,
  }));

needs('memcached')('the memcached level', () => {
  test('writes, reads, lists and removes over several servers', async () => {
    const three = await Promise.all([server(), server(), server()]);
    const level = await open(three.map((one) => one.server));
    const entries = meters(5000, 60_000);
    const { outcomes } = await write(level, entries);
    expect([...outcomes.values()].every((list) => list.length === 1 && list[0] === 'written')).toBe(true);
    expect(outcomes.size).toBe(5000);

    const keys = entries.map((entry) => entry.key);
    expect(await level.read([...keys, toBytes('none'), toBytes('a b')], signal)).toEqual([
      ...entries.map((entry) => entry.value),
      null,
      null,
    ]);
    const counts = (await level.nodes(signal)).map((node) => node.keys);
    expect(counts.reduce((a, b) => a + b)).toBe(5000);
    expect(Math.min(...counts)).toBeGreaterThan(300);

    const listed = await scan(level);
    expect(listed.map((info) => info.key).sort()).toEqual([...keys].sort());
    expect(
      listed.every(
        ({ ttlMs, bytes, type }) => ttlMs! > 50_000 && ttlMs! <= 61_000 && bytes! > 50 && type === 'item',
      ),
    ).toBe(true);
    expect(await scan(level, { pattern: 'meter:1?:*' })).toHaveLength(10);
    const sample = await scan(level, { limit: 300 });
    expect(new Set(sample.map((info) => info.key)).size).toBe(sample.length);
    expect(sample.length).toBeGreaterThanOrEqual(300);
    expect(sample.length).toBeLessThanOrEqual(302);

    const removed: boolean[] = [];
    const remover = await level.remover({
      signal,
      settled: (_, outcome) => removed.push(outcome === 'removed'),
    });
    await remover.remove([...keys.slice(0, 1000), toBytes('none')]);
    await remover.drain();
    expect(removed.filter(Boolean)).toHaveLength(1000);
    expect(removed).toHaveLength(1001);
    expect(await scan(level)).toHaveLength(4000);
    expect(await level.listeners(signal)).toEqual([]);
  });

  test('keeps bytes, times to live and what is there already', async () => {
    const level = await open([(await server()).server]);
    const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const day = 86_400_000;
    await write(level, [
      { key: toBytes('zähler:1'), value: bytes as ByteString, ttlMs: 0 },
      { key: toBytes('short'), value: toBytes(''), ttlMs: 300 },
      { key: toBytes('long'), value: toBytes('x'), ttlMs: 40 * day },
      { key: toBytes('a%20b'), value: toBytes('x'), ttlMs: 90_000 },
    ]);
    expect(await level.read([toBytes('zähler:1')], signal)).toEqual([bytes]);
    expect(await level.ttl(toBytes('zähler:1'), signal)).toBe(-1);
    expect(Math.abs((await level.ttl(toBytes('long'), signal)) - 40 * day)).toBeLessThan(60_000);
    expect(await level.ttl(toBytes('none'), signal)).toBe(-2);
    expect((await scan(level)).map((info) => info.key)).toEqual(
      expect.arrayContaining([toBytes('zähler:1'), 'a%20b', 'long']),
    );
    await until('the short one is gone', async () => (await level.ttl(toBytes('short'), signal)) === -2);

    const { outcomes } = await write(
      level,
      [{ key: toBytes('long'), value: toBytes('y'), ttlMs: 0 }, ...meters(1)],
      true,
    );
    expect([...outcomes.values()]).toEqual([['skipped'], ['written']]);
    expect(await level.read([toBytes('long')], signal)).toEqual(['x']);
  });

  test('says why an entry cannot be stored, and stores the others', async () => {
    const level = await open([(await server()).server]);
    const { outcomes } = await write(level, [
      { key: toBytes('a b'), value: toBytes('x'), ttlMs: 0 },
      { key: toBytes('k'.repeat(251)), value: toBytes('x'), ttlMs: 0 },
      { key: toBytes('hash'), value: ['f', 'v'].map(toBytes), ttlMs: 0 },
      { key: toBytes('large'), value: toBytes('x'.repeat(2 ** 20 + 1)), ttlMs: 0 },
      { key: toBytes('big'), value: toBytes('x'.repeat(2 ** 20 - 200)), ttlMs: 0 },
      { key: toBytes('good'), value: toBytes('x'), ttlMs: 0 },
    ]);
    expect(Object.fromEntries(outcomes)).toEqual({
      'a b': [expect.stringMatching(/^failed: the key holds a space/)],
      ['k'.repeat(251)]: [expect.stringMatching(/^failed: the key has 251 bytes/)],
      hash: [expect.stringMatching(/^failed: .*hashes/)],
      large: [expect.stringMatching(/^failed: the value is larger/)],
      big: ['written'],
      good: ['written'],
    });
    expect((await level.read([toBytes('big')], signal))[0]).toHaveLength(2 ** 20 - 200);
  });

  test('reports a full server that evicts nothing', async () => {
    const level = await open([(await server('-M', '-m', '2')).server]);
    const entries = meters(200).map((entry) => ({ ...entry, value: toBytes('x'.repeat(50_000)) }));
    const { outcomes } = await write(level, entries);
    const failed = [...outcomes.values()].filter(([outcome]) =>
      outcome!.startsWith('failed: memcached is full'),
    );
    const written = [...outcomes.values()].filter(([outcome]) => outcome === 'written');
    expect(failed.length).toBeGreaterThan(10);
    expect(written.length).toBe((await level.nodes(signal))[0]!.keys);
    expect(failed.length + written.length).toBe(200);
    expect((await level.nodes(signal))[0]!.policy).toBe('noeviction');
  });

  test('removes keys that only another protocol could have stored', async () => {
    const one = await server();
    const level = await open([one.server]);
    const socket = connect(one.port, '127.0.0.1');
    socket.write(`ms ${Buffer.from('a b\n').toString('base64')} 1 b\r\nx\r\n`);
    await once(socket, 'data');
    expect((await scan(level)).map((info) => info.key)).toEqual(['a b\n']);
    const removed: boolean[] = [];
    const remover = await level.remover({
      signal,
      settled: (_, outcome) => removed.push(outcome === 'removed'),
    });
    await remover.remove([toBytes('a b\n'), toBytes('c d')]);
    await remover.drain();
    expect(removed).toEqual([true, false]);
    expect(await scan(level)).toEqual([]);
    socket.write('watch fetchers\r\n');
    await once(socket, 'data');
    expect(await level.listeners(signal)).toEqual([expect.stringContaining(one.server)]);
    socket.destroy();
  });

  describe('under faults', () => {
    test.each([false, true])(
      'settles everything once when a server is killed in the middle and comes back (nx %s)',
      async (nx) => {
        const two = [await server(), await server()];
        const level = await open(two.map((one) => one.server));
        const entries = meters(200_000);
        const back: Promise<void>[] = [];
        const { outcomes, restarts } = await write(level, entries, nx, async () => {
          await two[0]!.kill();
          back.push(two[0]!.restart());
        });
        await Promise.all(back);
        expect(outcomes.size).toBe(entries.length);
        expect([...outcomes.values()].filter((list) => list.length !== 1 || list[0] !== 'written')).toEqual(
          [],
        );
        expect(restarts).toBe(1);
        // Written after the restart, and on the other server: there. What the killed one had acknowledged is lost.
        expect(await level.read([entries.at(-1)!.key], signal)).toEqual([entries.at(-1)!.value]);
      },
    );

    test('a restart after the last answer is noticed', async () => {
      const one = await server();
      const level = await open([one.server]);
      const writer = await level.writer({ nx: false, signal, settled: () => {} });
      await writer.write(meters(10));
      await writer.drain();
      expect(writer.restarts).toBe(0);
      await one.kill();
      await one.restart();
      await writer.drain();
      expect(writer.restarts).toBe(1);
    });

    test('a hanging server fails within the time-out, by name', async () => {
      const one = await server();
      const level = await open([one.server], 3000);
      const settled: BulkWriteOutcome[] = [];
      const writer = await level.writer({
        nx: false,
        signal,
        settled: (_, outcome) => settled.push(outcome),
      });
      one.pause();
      const started = performance.now();
      await writer.write(meters(100));
      await expect(writer.drain()).rejects.toThrow(new RegExp(`${one.server} did not answer for 3s`));
      expect(performance.now() - started).toBeLessThan(20_000);
      await expect(level.read([toBytes('a')], signal)).rejects.toBeInstanceOf(ServiceUnavailable);
      await expect(scan(level)).rejects.toThrow(one.server);
      await expect(open([one.server])).rejects.toThrow(/does not answer/);
      one.resume();
      expect(await level.read([toBytes('none')], signal)).toEqual([null]);
      expect(settled).toEqual([]);
    });

    test('a server that stays away is given up after the time-out', async () => {
      const one = await server();
      const level = await open([one.server], 3000);
      const writer = await level.writer({ nx: false, signal, settled: () => {} });
      await one.kill();
      const started = performance.now();
      await expect(writer.write(meters(10)).then(() => writer.drain())).rejects.toThrow(
        /cannot be reached: connection refused/,
      );
      expect(performance.now() - started).toBeLessThan(20_000);
      await expect(open([one.server])).rejects.toThrow(/connection refused/);
    });

    test('an interrupt ends waiting for a server that is away, and not for one that works', async () => {
      const one = await server();
      const level = await open([one.server]);
      const stop = new AbortController();
      let written = 0;
      const writer = await level.writer({ nx: false, signal: stop.signal, settled: () => written++ });
      await writer.write(meters(10_000));
      stop.abort(new Error('stopped'));
      await writer.drain();
      expect(written).toBe(10_000);
      await expect(writer.write(meters(1))).rejects.toThrow('stopped');

      const again = new AbortController();
      const second = await level.writer({ nx: false, signal: again.signal, settled: () => {} });
      await one.kill();
      await second.write(meters(10));
      setTimeout(() => again.abort(new Error('stopped')), 100);
      // After the request time-out it would say that nobody is there.
      await expect(second.drain()).rejects.toThrow('stopped');
    });

    test('a listing starts again when its server is killed', async () => {
      const one = await server();
      const level = await open([one.server]);
      await write(level, meters(100_000));
      const seen: (string | undefined)[] = [];
      let killed = false;
      for await (const batch of level.scan({ signal, details: {} })) {
        seen.push(batch.restart ? 'restart' : batch.keys[0]?.key);
        if (killed) continue;
        killed = true;
        await one.kill();
        await one.restart();
      }
      expect(seen.at(-1)).toBe('restart');
    });

    test('a server without a crawler is named, with what to do', async () => {
      const one = await server('-o', 'no_lru_crawler');
      const level = await open([one.server]);
      await expect(scan(level)).rejects.toMatchObject({
        code: 'NO_CRAWLER',
        hint: expect.stringContaining('lru_crawler'),
      });
    });

    test('two listings at once wait for each other', async () => {
      const level = await open([(await server()).server]);
      await write(level, meters(50_000));
      const both = await Promise.all([scan(level), scan(level)]);
      expect(both.map((keys) => keys.length)).toEqual([50_000, 50_000]);
    });

    test('a server that speaks something else is refused', async () => {
      const { createServer } = await import('node:net');
      const other = createServer((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      );
      other.listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as { port: number };
      await expect(open([`127.0.0.1:${port}`])).rejects.toBeInstanceOf(ServiceRefused);
      other.close();
    });
  });
});
