import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import { MultiLevelCache } from '../../../src/lib/cache/multi-level/cache.js';
import { text as textCodec } from '../../../src/lib/cache/multi-level/codec.js';
import { openCache } from '../../../src/lib/cache/multi-level/open.js';
import { MemoryLevel } from '../../../src/lib/cache/memory/keyed-level.js';
import type { KeyedLevel } from '../../../src/lib/cache/keyed-level.js';
import { UserError } from '../../../src/lib/core/errors.js';
import { replayable } from '../../random.js';
import { FakeClock } from './fake-clock.js';

const { seed } = replayable('arguments');
const clock = new FakeClock();
const level = (): KeyedLevel => new MemoryLevel({ name: 'hot', maxBytes: 1e6, clock });
/** Each method as services in plain JavaScript call it. */
type Untyped = Record<keyof MultiLevelCache, (...args: unknown[]) => Promise<unknown>>;

const row = { table: 'readings', row: { id: 1 } };
const load = () => Promise.resolve(1);
/** Every method with arguments that are right, the key first where it has one. */
const calls: [method: keyof MultiLevelCache, ...args: unknown[]][] = [
  ['get', 'k'],
  ['getOrLoad', 'k', load],
  ['set', 'k', 1],
  ['delete', 'k'],
  ['leases', 'k'],
  ['setVersioned', 'k', 1, 1n],
  ['setInRedis', 'k', 1],
  ['getFromRedis', 'k'],
  ['writeThrough', 'k', 1, row],
  ['writeBehind', 'k', 1, row],
  ['wrap', 'select 1'],
  ['invalidateTag', 'tag'],
];

let cache: MultiLevelCache;
let untyped: Untyped;

beforeEach(() => {
  const redis = Object.defineProperty(level(), 'type', { value: 'redis' });
  cache = new MultiLevelCache({
    levels: [{ level: redis }],
    clock,
    query: load,
    rows: { write: () => Promise.resolve(1n), close: () => Promise.resolve() },
    queue: {
      writeBehind: () => Promise.resolve({ operationId: 'o', id: '1-1', version: 1n, requeued: false }),
      pendingValue: () => Promise.resolve(undefined),
      close: () => undefined,
    },
  });
  untyped = cache as unknown as Untyped;
});

/** A UserError at once, for which no level is blamed. */
async function expectRefused(
  call: () => Promise<unknown>,
  code: string,
  said: string | RegExp = /./,
): Promise<void> {
  const refused = call();
  await expect(refused).rejects.toThrow(expect.objectContaining({ name: 'UserError', code }));
  await expect(refused).rejects.toThrow(said);
  expect(cache.stats()).toMatchObject({ hits: 0, misses: 0, loads: 0, loadFailures: 0 });
  expect(cache.stats().levels).toMatchObject([{ failures: 0, skipped: 0, breaker: 'closed', suspects: 0 }]);
}

describe('a key that is not text', () => {
  const keys = fc.oneof(
    fc.anything().filter((key) => typeof key !== 'string'),
    fc.constantFrom('\ud800', 'a\udfffb'),
  );
  it.each(calls.filter(([, key]) => key === 'k'))('is refused by %s', async (method, _, ...rest) => {
    await fc.assert(
      fc.asyncProperty(keys, (key) => expectRefused(() => untyped[method](key, ...rest), 'KEY_INVALID')),
      { seed, numRuns: 50 },
    );
  });
});

describe('a value that nothing can be made of', () => {
  it.each([[() => 1], [Symbol('s')], [{ toJSON: () => undefined }]])('%s', async (value) => {
    for (const call of [
      () => untyped.set('k', value),
      () => untyped.setVersioned('k', value, 1n),
      () => untyped.setInRedis('k', value),
      () => untyped.writeThrough('k', value, row),
      () => untyped.writeBehind('k', value, row),
    ])
      await expectRefused(call, 'VALUE_INVALID');
  });

  it('is refused with any codec', async () => {
    cache = new MultiLevelCache({ levels: [{ level: level() }], codec: textCodec, clock });
    for (const value of [() => 1, Symbol('s')])
      await expectRefused(() => cache.set('k', value), 'VALUE_INVALID');
  });

  it('undefined is one, but to remove a version', async () => {
    for (const call of [() => untyped.set('k', undefined), () => untyped.setInRedis('k', undefined)])
      await expectRefused(call, 'VALUE_UNDEFINED');
    await cache.setVersioned('k', undefined, 1n);
  });

  it('that was loaded blames the loader alone', async () => {
    await expect(cache.getOrLoad('k', () => Promise.resolve(() => 1))).rejects.toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    );
    expect(cache.stats().levels).toMatchObject([{ failures: 0, breaker: 'closed' }]);
  });
});

describe('options', () => {
  const wrong: [options: unknown, said: string][] = [
    [null, 'must be an object, not null'],
    ['5m', 'must be an object, not a string'],
    [{ tll: '5m' }, "unknown name 'tll'; did you mean 'ttl'?"],
    [{ ttl: null }, 'ttl must be a number above zero, not null'],
    [{ ttl: 0 }, 'not 0'],
    [{ ttl: -5 }, 'not -5'],
    [{ ttl: NaN }, 'not NaN'],
    [{ ttl: '5 parsecs' }, "not '5 parsecs'"],
    [{ ttl: '0s' }, 'not 0'],
    [{ ttl: new Date() }, 'not an object'],
  ];
  const tagged: typeof wrong = [
    [{ tags: 'a' }, 'tags must be an array, not a string'],
    [{ tags: [17] }, 'tags must be text, not 17'],
  ];

  it.each([...wrong, ...tagged])('of set and getOrLoad: %o', async (options, said) => {
    await expectRefused(() => untyped.set('k', 1, options), 'OPTION_INVALID', said);
    await expectRefused(() => untyped.getOrLoad('k', load, options), 'OPTION_INVALID', said);
    await expectRefused(() => untyped.wrap('select 1', [], options), 'OPTION_INVALID', said);
  });

  it.each(wrong)('of writeThrough and writeBehind: %j', async (options, said) => {
    for (const method of ['writeThrough', 'writeBehind'] as const)
      await expectRefused(() => untyped[method]('k', 1, row, 'upsert', options), 'OPTION_INVALID', said);
  });

  it('are refused on a hit too', async () => {
    await cache.set('k', 1);
    await expect(untyped.getOrLoad('k', load, { ttl: null })).rejects.toThrow('ttl');
  });

  it.each([
    ['beta', { beta: 'x' }],
    ['beta', { beta: -1 }],
  ])('of getOrLoad: %s in %j', (name, options) =>
    expectRefused(() => untyped.getOrLoad('k', load, options), 'OPTION_INVALID', name),
  );

  it('may be undefined, each of them', async () => {
    await cache.set('k', 1, { ttl: undefined, tags: undefined });
    expect(await cache.getOrLoad('k', load, { ttl: undefined, beta: undefined })).toBe(1);
  });
});

describe('other arguments', () => {
  it.each<[keyof MultiLevelCache, unknown[], string]>([
    ['getOrLoad', ['k'], 'load must be a function, not undefined'],
    ['getOrLoad', ['k', 17], 'load must be a function, not 17'],
    ['wrap', [17], 'sql must be text'],
    ['wrap', ['select 1', 'x'], 'params must be an array'],
    ['invalidateTag', [undefined], 'tag must be text'],
    ['setVersioned', ['k', 1, 17], 'version must be a bigint'],
    ['setVersioned', ['k', 1, 0n], 'version must be a bigint above zero'],
    ['writeThrough', ['k', 1], 'target must be an object, not undefined'],
    ['writeBehind', ['k', 1, { table: 17, row: {} }], 'table must be text'],
    ['writeBehind', ['k', 1, { table: 't', row: [1] }], 'row must be an object, not an array'],
    ['writeThrough', ['k', 1, row, 'merge'], 'operation must be one of insert, update'],
  ])('of %s: %#', (method, args, said) =>
    expectRefused(() => untyped[method](...args), 'ARGUMENT_INVALID', said),
  );
});

describe('what a cache is made with', () => {
  it.each([
    [undefined, 'must be an object'],
    [{}, 'lack levels'],
    [{ levels: [{}] }, 'lack level'],
    [{ levels: 'hot' }, 'levels must be an array'],
    [{ levels: [{ level: {} }] }, 'must have a function lookup'],
    [{ levels: [{ level: level(), ttlMS: 5 }] }, "unknown name 'ttlMS'; did you mean 'ttlMs'?"],
    [{ levels: [{ level: level(), ttlMs: '5m' }] }, 'ttlMs must be a number above zero'],
    [{ levels: [{ level: level() }], codec: 'json' }, 'codec must be an object'],
    [{ levels: [{ level: level() }], quer: load }, "did you mean 'query'?"],
  ])('new MultiLevelCache: %#', (options, said) => {
    const make = () => new MultiLevelCache(options as never);
    expect(make).toThrow(UserError);
    expect(make).toThrow(said);
  });

  it.each([
    [{ levelTimeout: 5 }, "did you mean 'levelTimeoutMs'?"],
    [{ levelTimeoutMs: '5s' }, 'levelTimeoutMs must be a number'],
    [{ breaker: { failure: 3 } }, "did you mean 'failures'?"],
    [{ codec: { encode: JSON.stringify } }, 'must have a function decode'],
    [{ onLoss: true }, 'onLoss must be a function'],
    [null, 'must be an object, not null'],
  ])('openCache: %#', async (options, said) => {
    const settings = { cache: { levels: [{ name: 'hot', type: 'memory' as const }] } };
    const opening = openCache(settings, options as never);
    await expect(opening).rejects.toThrow(UserError);
    await expect(opening).rejects.toThrow(said);
  });
});

describe('a cache that is closed', () => {
  it.each(calls)('says so: %s', async (method, ...args) => {
    await cache.close();
    await expectRefused(() => untyped[method](...args), 'CACHE_CLOSED', 'the cache is closed');
  });

  it('can be closed again', async () => {
    await cache.close();
    await cache.close();
  });
});
