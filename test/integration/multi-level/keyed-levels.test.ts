import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { isOwnKey } from '../../../src/lib/cache/own-keys.js';
import type { KeyedLevel } from '../../../src/lib/cache/keyed-level.js';
import { DatabaseKeyedLevel } from '../../../src/lib/cache/database/keyed-level.js';
import { MemcachedKeyedLevel } from '../../../src/lib/cache/memcached/keyed-level.js';
import { MemoryLevel } from '../../../src/lib/cache/memory/keyed-level.js';
import { PostgresPool } from '../../../src/lib/clients/postgres/pool.js';
import { memcachedRecordName, RecordNames } from '../../../src/lib/cache/versions/record.js';
import { RedisKeyedLevel } from '../../../src/lib/cache/redis/keyed-level.js';
import { openRedis } from '../../../src/lib/clients/redis/client.js';
import { slotOf } from '../../../src/lib/clients/redis/slots.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { ownDatabase, ownMemcached, ownRedis, ownRedisCluster } from '../../servers/shared.js';
import { toBytes, type ByteString } from '../../../src/lib/core/bytes.js';

const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 5000 };
const { signal } = new AbortController();
const bytes = fc
  .array(fc.constantFrom('{', '}', 'a', 'b', ':', '\u00e9'), { maxLength: 12 })
  .map((parts) => parts.join('') as ByteString);

test('a record is in the slot of its key, under a name of its own, whatever braces the key has', () => {
  const names = new RecordNames();
  fc.assert(
    fc.property(bytes, bytes, (key, other) => {
      const name = names.of(key);
      expect(slotOf(name)).toBe(slotOf(key));
      expect(isOwnKey(name)).toBe(true);
      expect(name === names.of(other)).toBe(key === other);
    }),
    { numRuns: 2000 },
  );
  expect(names.of(toBytes('meter:{17}:latest'))).toBe('metrify:v:{17}meter:{17}:latest');
  expect(memcachedRecordName(toBytes('k'.repeat(250))).length).toBeLessThanOrEqual(250);
});

/** The contract, the same for every level. */
function contract(open: () => Promise<KeyedLevel>): void {
  let level: KeyedLevel;
  let count = 0;
  const newKey = (): string => `meter:${++count}:${process.pid}`;
  const soon = (): number => systemClock.monotonic() + 60_000;
  const valueOf = async (key: string) => (await level.lookup(toBytes(key))).found?.value;
  beforeAll(async () => {
    level = await open();
  });
  afterAll(() => level.close());

  test('keeps any bytes, and their time', async () => {
    const key = newKey();
    const value = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i))
      .join('')
      .repeat(40) as ByteString;
    expect(await level.set(toBytes(key), { value, expiresAt: soon() }, undefined)).toBe('stored');
    const { found } = await level.lookup(toBytes(key));
    expect(found?.value).toBe(value);
    expect(Math.abs(found!.expiresAt! - soon())).toBeLessThan(30_000);
    await level.set(toBytes(key), { value: toBytes('') }, undefined);
    expect((await level.lookup(toBytes(key))).found).toMatchObject({ value: '' });
    expect((await level.lookup(toBytes(key))).found!.expiresAt).toBeUndefined();
  });

  test('ends on time', async () => {
    const key = newKey();
    const expiresAt = systemClock.monotonic() + 3000;
    await level.set(toBytes(key), { value: toBytes('x'), expiresAt }, undefined);
    expect(await valueOf(key)).toBe('x');
    let seenAt = 0;
    await until('it has ended', async () => {
      const askedAt = systemClock.monotonic();
      if ((await valueOf(key)) === undefined) return true;
      seenAt = askedAt;
      return false;
    });
    // Memcached counts in seconds.
    expect(seenAt).toBeLessThan(expiresAt + (level.type === 'memcached' ? 2100 : 500));
    const { found, lease } = await level.lookup(toBytes(key));
    expect(found).toBeUndefined();
    expect(await level.fill(toBytes(key), { value: toBytes('y'), expiresAt: soon() }, lease)).toBe('stored');
  });

  test('a newer version wins in either order, of any size of number', async () => {
    const big = 2n ** 62n;
    for (const [older, newer] of [
      [1n, 2n],
      [9n, 10n],
      [big, big + 1n],
    ] as const) {
      const key = newKey();
      expect(await level.set(toBytes(key), { value: toBytes('newer') }, newer)).toBe('stored');
      expect(await level.set(toBytes(key), { value: toBytes('older') }, older)).toBe('refused');
      expect(await level.remove(toBytes(key), older)).toBe(false);
      expect(await valueOf(key)).toBe('newer');
      expect(await level.remove(toBytes(key), newer)).toBe(true);
      expect(await valueOf(key)).toBeUndefined();
    }
  });

  test('a fill is refused after any change, and when there is a value', async () => {
    const key = newKey();
    const { lease } = await level.lookup(toBytes(key));
    expect(await level.lease(toBytes(key))).toBe(lease);
    expect(await level.fill(toBytes(key), { value: toBytes('1') }, lease)).toBe('stored');
    expect(await level.fill(toBytes(key), { value: toBytes('2') }, lease)).toBe('refused');
    const second = (await level.lookup(toBytes(key))).lease;
    expect(await level.fill(toBytes(key), { value: toBytes('3') }, second, true)).toBe('stored');
    await level.remove(toBytes(key), undefined);
    expect(await level.fill(toBytes(key), { value: toBytes('4') }, second)).toBe('refused');
    expect(await level.fill(toBytes(key), { value: toBytes('5') }, second, true)).toBe('refused');
    const third = (await level.lookup(toBytes(key))).lease;
    await level.set(toBytes(key), { value: toBytes('6') }, 5n, third);
    expect(await level.fill(toBytes(key), { value: toBytes('7') }, third)).toBe('refused');
    expect(await valueOf(key)).toBe('6');
  });

  test('a write removes what may be newer than itself, and overwrites what it knows to be older', async () => {
    const key = newKey();
    await level.fill(toBytes(key), { value: toBytes('loaded') }, (await level.lookup(toBytes(key))).lease);
    const lease = await level.lease(toBytes(key));
    expect(await level.set(toBytes(key), { value: toBytes('one') }, 1n, lease)).toBe('stored');
    await level.remove(toBytes(key), undefined);
    await level.fill(toBytes(key), { value: toBytes('loaded') }, (await level.lookup(toBytes(key))).lease);
    expect(await level.set(toBytes(key), { value: toBytes('two') }, 2n, lease)).toBe('refused');
    expect(await valueOf(key)).toBeUndefined();
  });

  test('a known version makes a fill a write', async () => {
    const key = newKey();
    const { lease } = await level.lookup(toBytes(key));
    expect(await level.fill(toBytes(key), { value: toBytes('five'), version: 5n }, lease)).toBe('stored');
    expect(await level.set(toBytes(key), { value: toBytes('four') }, 4n)).toBe('refused');
    expect(await level.set(toBytes(key), { value: toBytes('six') }, 6n)).toBe('stored');
    expect(await valueOf(key)).toBe('six');
  });

  test('of many writers at once the newest stays', async () => {
    const key = newKey();
    const versions = Array.from({ length: 12 }, (_, i) => BigInt(((i * 5) % 12) + 1));
    await Promise.all(
      versions.map((version) => level.set(toBytes(key), { value: toBytes(`${version}`) }, version)),
    );
    expect([undefined, '12']).toContain(await valueOf(key));
    expect(await level.set(toBytes(key), { value: toBytes('11') }, 11n)).toBe('refused');
  });
}

needs()('memory', () =>
  contract(() => Promise.resolve(new MemoryLevel({ name: 'm', maxBytes: 1e7, clock: systemClock }))),
);

needs('redis')('redis', () => {
  contract(
    async () =>
      new RedisKeyedLevel('r', await openRedis({ nodes: [(await ownRedis()).url] }, timeouts, signal)),
  );

  test('values are plain, and what other clients write is read', async () => {
    const client = await openRedis({ nodes: [(await ownRedis()).url] }, timeouts, signal);
    const level = new RedisKeyedLevel('r', client);
    await level.set(toBytes('a'), { value: toBytes('{"kwh":1}') }, 3n);
    expect(await client.call(['GET', toBytes('a')])).toBe('{"kwh":1}');
    await client.call(['SET', toBytes('a'), toBytes('warmed')]);
    expect((await level.lookup(toBytes('a'))).found?.value).toBe('warmed');
    await client.call(['SCRIPT', 'FLUSH']);
    expect(await level.set(toBytes('a'), { value: toBytes('b') }, 4n)).toBe('stored');
    await client.call(['HSET', toBytes('hash'), toBytes('f'), toBytes('v')], toBytes('hash'));
    expect((await level.lookup(toBytes('hash'))).found).toBeUndefined();
    await level.close();
  });
});

needs('redis')('redis cluster', () =>
  contract(async () => {
    const { urls } = await ownRedisCluster();
    return new RedisKeyedLevel('c', await openRedis({ nodes: [...urls] }, timeouts, signal));
  }),
);

needs('memcached')('memcached', () => {
  const open = async () =>
    MemcachedKeyedLevel.open(
      { name: 'm', settings: { servers: [...(await ownMemcached()).urls] }, timeouts, clock: systemClock },
      signal,
    );
  contract(open);

  test('a value too large, or a key that memcached has not, is not there', async () => {
    const level = await open();
    expect(await level.set(toBytes('large'), { value: toBytes('x'.repeat(2 << 20)) }, 1n)).toBe('unfit');
    expect((await level.lookup(toBytes('large'))).found).toBeUndefined();
    expect(await level.set(toBytes('a b'), { value: toBytes('x') }, 1n)).toBe('unfit');
    expect((await level.lookup(toBytes('a b'))).found).toBeUndefined();
    await level.close();
  });
});

needs('postgres')('database', () => {
  contract(async () => {
    const { url } = await ownDatabase();
    return new DatabaseKeyedLevel('d', 'entries', new PostgresPool({ url }, timeouts), systemClock);
  });

  test('a table of the first release gets its column', async () => {
    const { url, sql } = await ownDatabase();
    await sql(
      'CREATE TABLE entries (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, expires_at timestamptz)',
    );
    await sql(`INSERT INTO entries VALUES ('a', 'old')`);
    const level = new DatabaseKeyedLevel('d', 'entries', new PostgresPool({ url }, timeouts), systemClock);
    expect((await level.lookup(toBytes('a'))).found?.value).toBe('old');
    expect(await level.set(toBytes('a'), { value: toBytes('new') }, 1n)).toBe('stored');
    expect((await level.lookup(toBytes('a'))).found?.value).toBe('new');
    await level.close();
  });
});
