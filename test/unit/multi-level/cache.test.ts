import { describe, expect, test } from 'vitest';

import { MultiLevelCache } from '../../../src/lib/cache/multi-level/cache.js';
import type { MultiLevelCacheOptions } from '../../../src/lib/cache/multi-level/cache-options.js';
import { LatencyBuckets } from '../../../src/lib/measure/latency-buckets.js';
import { queryKey } from '../../../src/lib/cache/multi-level/query-key.js';
import type { KeyedLevel } from '../../../src/lib/cache/keyed-level.js';
import { MemoryLevel } from '../../../src/lib/cache/memory/keyed-level.js';
import { ServiceUnavailable } from '../../../src/lib/core/errors.js';
import { aMoment, FakeClock } from './fake-clock.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

/** A memory level that stands for a shared level: it has to be asked, and can be made to fail or to hang. */
class RemoteStore implements KeyedLevel {
  readonly type = 'redis';
  mode: 'works' | 'fails' | 'hangs' = 'works';
  calls = 0;
  constructor(
    readonly name: string,
    readonly inner: MemoryLevel,
  ) {}
  private do<T>(work: () => Promise<T>): Promise<T> {
    this.calls++;
    if (this.mode === 'fails') return Promise.reject(new ServiceUnavailable('away'));
    return this.mode === 'hangs' ? new Promise(() => {}) : work();
  }
  lookup: KeyedLevel['lookup'] = (key) => this.do(() => this.inner.lookup(key));
  lease: KeyedLevel['lease'] = (key) => this.do(() => this.inner.lease(key));
  fill: KeyedLevel['fill'] = (...args) => this.do(() => this.inner.fill(...args));
  set: KeyedLevel['set'] = (...args) => this.do(() => this.inner.set(...args));
  remove: KeyedLevel['remove'] = (...args) => this.do(() => this.inner.remove(...args));
  close = (): Promise<void> => Promise.resolve();
}

function setup(options: Partial<MultiLevelCacheOptions> = {}) {
  const clock = new FakeClock();
  const memory = new MemoryLevel({ name: 'hot', maxBytes: 1e6, clock });
  const remote = new RemoteStore('warm', new MemoryLevel({ name: 'inner', maxBytes: 1e6, clock }));
  const cache = new MultiLevelCache({
    levels: [
      { level: memory, ttlMs: 1000 },
      { level: remote, ttlMs: 60_000, timeoutMs: 30 },
    ],
    clock,
    ...options,
  });
  return { cache, clock, memory, remote };
}

const never = (): Promise<never> => Promise.reject(new Error('nothing was to be loaded'));

describe('reads', () => {
  test('fill the levels above, each with no more than its own time', async () => {
    const { cache, clock, memory, remote } = setup();
    await cache.set('a', { kwh: 1 }, { ttl: '10s' });
    expect(await cache.get('a')).toEqual({ kwh: 1 });
    clock.advance(1500);
    await aMoment();
    expect(memory.peek(toBytes('a'))).toBeUndefined();
    expect(await cache.get('a')).toEqual({ kwh: 1 });
    expect(memory.peek(toBytes('a'))?.expiresAt).toBe(clock.monotonic() + 1000);
    clock.advance(8000);
    await aMoment();
    expect(await cache.get('a')).toEqual({ kwh: 1 });
    expect(memory.peek(toBytes('a'))?.expiresAt).toBe(clock.monotonic() + 500);
    clock.advance(600);
    await aMoment();
    expect(await cache.get('a')).toBeUndefined();
    expect(remote.inner.size + memory.size).toBe(0);
  });

  test('1,000 concurrent misses load once, and each gets a copy of its own', async () => {
    const { cache } = setup();
    let loads = 0;
    const load = async (): Promise<{ n: number }> => {
      loads++;
      await aMoment();
      return { n: 1 };
    };
    const values = await Promise.all(Array.from({ length: 1000 }, () => cache.getOrLoad('a', load)));
    expect(loads).toBe(1);
    values[0]!.n = 2;
    expect(values[1]).toEqual({ n: 1 });
    expect(cache.stats()).toMatchObject({ loads: 1, joins: 999 });
  });

  test('a load that fails fails for all that wait, and is tried again by the next', async () => {
    const { cache } = setup();
    const outcomes = await Promise.allSettled([cache.getOrLoad('a', never), cache.getOrLoad('a', never)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await cache.getOrLoad('a', () => Promise.resolve(1))).toBe(1);
    expect(await cache.getOrLoad('b', () => Promise.resolve(undefined))).toBeUndefined();
    expect(await cache.getOrLoad('b', () => Promise.resolve(2))).toBe(2);
  });

  test('a pending write is read instead of the row', async () => {
    const queue = {
      writeBehind: never,
      pendingValue: (key: string) =>
        Promise.resolve(key === 'a' ? { value: toBytes('"queued"'), version: 7n } : undefined),
      close() {},
    };
    const { cache } = setup({ queue });
    expect(await cache.getOrLoad('a', never)).toBe('queued');
    expect(await cache.get('a')).toBe('queued');
    expect(await cache.get('b')).toBeUndefined();
    await cache.setVersioned('a', 'older', 6n);
    expect(await cache.get('a')).toBe('queued');
    await cache.setVersioned('a', 'newer', 8n);
    expect(await cache.get('a')).toBe('newer');
    await cache.setVersioned('a', undefined, 9n);
    expect(await cache.get('b')).toBeUndefined();
  });

  test('tiers choose the levels', async () => {
    const { cache, memory, remote } = setup({ tiers: [{ pattern: 'report:*', levels: ['warm'] }] });
    await cache.set('report:1', 1);
    await cache.set('meter:1', 1);
    expect([memory.peek(toBytes('report:1')), remote.inner.peek(toBytes('report:1'))?.value]).toEqual([
      undefined,
      '1',
    ]);
    expect([memory.peek(toBytes('meter:1'))?.value, remote.inner.peek(toBytes('meter:1'))?.value]).toEqual([
      '1',
      '1',
    ]);
  });
});

describe('early refresh', () => {
  /** Loads take 100 ms; the value lives 10 s. */
  function hot(random: number) {
    const setting = setup({ random: () => random });
    let loads = 0;
    const load = (): Promise<number> => {
      setting.clock.advance(100);
      return Promise.resolve(++loads);
    };
    const read = () => setting.cache.getOrLoad('a', load, { ttl: 900 });
    return { ...setting, read, loads: () => loads };
  }

  test.each([
    // With e^-2 the value is due 200 ms before its end.
    [Math.exp(-2), 690, 1],
    [Math.exp(-2), 710, 2],
    [1, 899, 1],
  ])('with %f, %i ms after the value was loaded, %i loads were made', async (random, ms, expected) => {
    const { clock, read, loads } = hot(random);
    await read();
    clock.advance(ms);
    await aMoment();
    expect(await read()).toBe(1);
    await aMoment();
    expect(loads()).toBe(expected);
    expect(await read()).toBe(expected);
  });
});

describe('tags', () => {
  test('one write makes every entry of a tag invalid, and a load that was under way too', async () => {
    let rows = 1;
    const { cache } = setup({ query: () => Promise.resolve([{ rows }]) });
    const read = (n: number) => cache.wrap('SELECT $1', [n], { tags: ['meters'] });
    expect(await Promise.all([read(1), read(2)])).toEqual([[{ rows: 1 }], [{ rows: 1 }]]);
    rows = 2;
    expect(await read(1)).toEqual([{ rows: 1 }]);
    let started!: () => void;
    const underWay = new Promise<void>((resolve) => (started = resolve));
    const load = () => (started(), aMoment().then(() => 'old'));
    const slow = cache.getOrLoad('slow', load, { tags: ['meters'] });
    await underWay;
    await cache.invalidateTag('meters');
    await slow;
    expect(await Promise.all([read(1), read(2)])).toEqual([[{ rows: 2 }], [{ rows: 2 }]]);
    expect(await cache.getOrLoad('slow', () => Promise.resolve('new'), { tags: ['meters'] })).toBe('new');
  });

  test('values that look like ours are no less values', async () => {
    const codec = { encode: String, decode: (bytes: string) => bytes };
    const { cache } = setup({ codec });
    for (const value of ['metrify:tags {"a":"b"}\nx', 'metrify:tags ', 'plain']) {
      await cache.set('a', value);
      expect(await cache.get('a')).toBe(value);
    }
  });

  test('without their level, values with tags are loaded each time', async () => {
    const { cache, remote, clock } = setup();
    let loads = 0;
    const read = () => cache.getOrLoad('a', () => Promise.resolve(++loads), { tags: ['t'] });
    await read();
    remote.mode = 'fails';
    clock.advance(2000);
    await aMoment();
    expect([await read(), await read()]).toEqual([2, 3]);
    await expect(cache.invalidateTag('t')).rejects.toThrow(ServiceUnavailable);
  });
});

describe('a level that is down', () => {
  test('and is the only one: no error says that something was written', async () => {
    const clock = new FakeClock();
    const remote = new RemoteStore('warm', new MemoryLevel({ name: 'inner', maxBytes: 1e6, clock }));
    remote.mode = 'fails';
    const cache = new MultiLevelCache({ levels: [{ level: remote }], clock });
    await expect(cache.set('a', 1)).rejects.toThrow(/^no cache level took the value, .*'warm'.*'a'/);
    await expect(cache.delete('a')).rejects.toThrow(/^no cache level removed the key, .*'warm'.*'a'/);
    await expect(cache.set('a', 1)).rejects.toMatchObject({ code: 'CACHE_STALE' });
  });

  test('is skipped after three failures, tried again one call at a time, and its old values are not believed', async () => {
    const { cache, remote, clock, memory } = setup();
    await cache.set('a', 'old');
    remote.mode = 'fails';
    await expect(cache.set('a', 'new')).rejects.toMatchObject({ code: 'CACHE_STALE' });
    expect(await cache.get('a')).toBe('new');
    for (let i = 0; i < 5; i++) await cache.getOrLoad(`b${i}`, () => Promise.resolve(i));
    expect(cache.stats().levels[1]).toMatchObject({ breaker: 'open', trips: 1 });
    const { calls } = remote;
    for (let i = 0; i < 50; i++) await cache.get(`c${i}`);
    expect(remote.calls).toBe(calls);
    clock.advance(501);
    await cache.get('d');
    await cache.get('e');
    expect(remote.calls).toBe(calls + 1);
    remote.mode = 'works';
    clock.advance(1001);
    memory.evict();
    await cache.get('f');
    expect(cache.stats().levels[1]).toMatchObject({ breaker: 'closed', trips: 1 });
    await aMoment();
    expect(remote.inner.peek(toBytes('a'))).toBeUndefined();
    expect(await cache.get('a')).not.toBe('old');
  });

  test('costs a read no more than its time-out when it hangs', async () => {
    const { cache, remote } = setup();
    remote.mode = 'hangs';
    const started = performance.now();
    const { monotonic } = FakeClock.prototype;
    FakeClock.prototype.monotonic = () => performance.now();
    try {
      expect(await cache.getOrLoad('a', () => Promise.resolve(1))).toBe(1);
    } finally {
      FakeClock.prototype.monotonic = monotonic;
    }
    // One wait, of 30 ms; a machine that stalls makes it longer, and not endless.
    expect(remote.calls).toBe(1);
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

test('equal queries have equal keys, and others have others', () => {
  const day = new Date(0);
  const keys = [
    queryKey('SELECT 1', []),
    queryKey('SELECT $1', [1]),
    queryKey('SELECT $1', ['1']),
    queryKey('SELECT $1', [1n]),
    queryKey('SELECT $1', [day]),
    queryKey('SELECT $1', [day.toISOString()]),
    queryKey('SELECT $1', [null]),
    queryKey('SELECT $1', [NaN]),
    queryKey('SELECT $1', [Buffer.from('1')]),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(queryKey('SELECT $1', [new Date(0)])).toBe(keys[4]);
});

test('quantiles are right to 9 %, against sorting', () => {
  const histogram = new LatencyBuckets();
  const values = Array.from({ length: 5000 }, (_, i) => 0.001 * 1.002 ** i);
  for (const value of values) histogram.record(value);
  for (const q of [0.01, 0.5, 0.9, 0.99, 0.999]) {
    const exact = values[Math.ceil(q * values.length) - 1]!;
    expect(histogram.quantile(q) / exact).toBeGreaterThanOrEqual(0.999);
    expect(histogram.quantile(q) / exact).toBeLessThan(1.095);
  }
});
