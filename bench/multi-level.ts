import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';

import type * as Library from '../src/library/cache.js';
import { entryOverheadBytes } from '../src/lib/cache/memory/keyed-level.js';
import type { Bench, Benchmark, Finding } from './lib/bench.js';
import { must, privateRedis } from './lib/redis.js';
import { bytesOf, toBytes } from '../src/lib/core/bytes.js';

/** As it is published: what loads TypeScript for the benchmarks slows every function that is made at run time. */
const library = (await import(new URL('../dist/library/cache.js', import.meta.url).href)) as typeof Library;
const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 5000 };

const entries = 100_000;
const hourMs = 3_600_000;

/** Keys as they come out of a request: no two of them the same string object. */
function requests(count: number): string[] {
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return bytesOf(Buffer.from(`meter:${state % entries}:latest`));
  });
}

const value = 'x'.repeat(100);

export const multiLevelMemory: Benchmark = {
  name: 'memory-level',
  summary: 'hits of the memory level against lru-cache, both bounded by bytes and with a time to live',
  rounds: 9,
  async measure(bench) {
    const gets = Math.ceil(2_000_000 * bench.scale);
    const maxBytes = entries * 1000;
    const level = new library.MemoryLevel({ name: 'memory', maxBytes, clock: library.systemClock });
    const peer = new LRUCache<string, string>({
      maxSize: maxBytes,
      ttl: hourMs,
      sizeCalculation: (value, key) => value.length + key.length + entryOverheadBytes,
    });
    for (let i = 0; i < entries; i++) {
      const key = `meter:${i}:latest`;
      await level.set(
        toBytes(key),
        { value: toBytes(value), expiresAt: performance.now() + hourMs },
        undefined,
      );
      peer.set(key, value);
    }
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= bench.rounds; round++) {
      const sides = [
        () => ours.push(timed(requests(gets), (key) => level.peek(toBytes(key)) !== undefined)),
        () => theirs.push(timed(requests(gets), (key) => peer.get(key) !== undefined)),
      ];
      for (const side of round % 2 ? sides : sides.reverse()) side();
      if (round === 0) ours.length = theirs.length = 0;
    }
    return [
      {
        what: `memory level get, ${entries.toLocaleString('en')} entries, hits`,
        series: [
          { name: 'memory level', values: ours, unit: 'ns' },
          { name: 'lru-cache', values: theirs, unit: 'ns' },
        ],
        judged: 'ratio',
        bar: 1.15,
      },
    ];
  },
};

/** Nanoseconds a call. */
function timed(keys: string[], get: (key: string) => boolean): number {
  let hits = 0;
  const startedAt = performance.now();
  for (const key of keys) if (get(key)) hits++;
  const ms = performance.now() - startedAt;
  must(hits === keys.length, `${keys.length - hits} misses`);
  return (ms * 1e6) / keys.length;
}

export const multiLevelRedis: Benchmark = {
  name: 'redis-level',
  summary: 'a cache of one warm Redis level against plain gets of ioredis',
  rounds: 9,
  async measure(bench) {
    const redis = await privateRedis(bench);
    const cache = await library.openCache(
      {
        ...timeouts,
        redis: { nodes: [redis.url] },
        cache: { levels: [{ name: 'redis', type: 'redis', ttl: hourMs }], tiers: [] },
      },
      { codec: library.text, levelTimeoutMs: 5000 },
    );
    const peer = new Redis(redis.url, { lazyConnect: true });
    await peer.connect();
    for (let i = 0; i < entries; i += 500)
      await Promise.all(Array.from({ length: 500 }, (_, j) => cache.set(`meter:${i + j}:latest`, value)));
    const findings: Finding[] = [];
    for (const concurrency of [1, 50]) {
      const gets = Math.ceil((concurrency === 1 ? 10_000 : 100_000) * bench.scale);
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round <= bench.rounds; round++) {
        const sides = [
          async () => ours.push(await concurrently(concurrency, gets, (key) => cache.get(key))),
          async () => theirs.push(await concurrently(concurrency, gets, (key) => peer.get(key))),
        ];
        for (const side of round % 2 ? sides : sides.reverse()) await side();
        if (round === 0) ours.length = theirs.length = 0;
      }
      findings.push({
        what: `multi-level get, warm Redis, ${concurrency} at a time`,
        series: [
          { name: 'multi-level get', values: ours, unit: 'µs' },
          { name: 'ioredis get', values: theirs, unit: 'µs' },
        ],
        judged: 'ratio',
        bar: 1.15,
      });
    }
    peer.disconnect();
    await cache.close();
    return findings;
  },
};

/** Microseconds a call. */
async function concurrently(
  concurrency: number,
  count: number,
  get: (key: string) => Promise<unknown>,
): Promise<number> {
  const keys = requests(count);
  let hits = 0;
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < keys.length) if ((await get(keys[next++]!)) === value) hits++;
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency }, work));
  const ms = performance.now() - startedAt;
  must(hits === keys.length, `${keys.length - hits} misses`);
  return (ms * 1000) / keys.length;
}

export const stampede: Benchmark = {
  name: 'stampede',
  summary: '1,000 concurrent misses of one key',
  rounds: 5,
  async measure(bench: Bench) {
    const redis = await privateRedis(bench);
    const cache = await library.openCache({
      ...timeouts,
      redis: { nodes: [redis.url] },
      cache: {
        levels: [
          { name: 'memory', type: 'memory' },
          { name: 'redis', type: 'redis' },
        ],
        tiers: [],
      },
    });
    const values: number[] = [];
    for (let round = 0; round < bench.rounds; round++) {
      let loads = 0;
      const load = async (): Promise<number> => {
        loads++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        return 42;
      };
      const key = `hot:${round}`;
      await Promise.all(Array.from({ length: 1000 }, () => cache.getOrLoad(key, load)));
      values.push(loads);
    }
    await cache.close();
    return [
      {
        what: '1,000 concurrent misses of one key',
        series: [{ name: 'loads', values, unit: 'loads' }],
        judged: 'median',
        bar: 1,
      },
    ];
  },
};
