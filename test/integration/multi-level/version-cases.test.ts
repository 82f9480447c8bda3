import fc from 'fast-check';
import { expect, test } from 'vitest';

import { DatabaseKeyedLevel } from '../../../src/lib/cache/database/keyed-level.js';
import { HazelcastKeyedLevel } from '../../../src/lib/cache/hazelcast/keyed-level.js';
import type { KeyedLevel, Lease } from '../../../src/lib/cache/keyed-level.js';
import { MemcachedKeyedLevel } from '../../../src/lib/cache/memcached/keyed-level.js';
import { MemoryLevel } from '../../../src/lib/cache/memory/keyed-level.js';
import { RedisKeyedLevel } from '../../../src/lib/cache/redis/keyed-level.js';
import { PostgresPool } from '../../../src/lib/clients/postgres/pool.js';
import { openRedis } from '../../../src/lib/clients/redis/client.js';
import { toBytes } from '../../../src/lib/core/bytes.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { startHazelcast } from '../../servers/hazelcast.js';
import { needs } from '../../servers/needs.js';
import { ownDatabase, ownMemcached, ownRedis, ownRedisCluster } from '../../servers/shared.js';
import { type Action, caseOf, cases, type Knowledge } from './version-cases.js';
import { scaled } from '../../scale.js';

const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 30_000 };
const clock = systemClock;
const { signal } = new AbortController();

const actions = fc.array(
  fc.record<Action>({
    do: fc.constantFrom('set', 'set', 'fill', 'fill', 'remove'),
    version: fc.constantFrom(undefined, 'older', 'same', 'newer'),
    lease: fc.constantFrom('none', 'now', 'past'),
  }),
  { maxLength: 12 },
);

let keys = 0;

/**
 * Walks through the table with a level, from a key that nobody has written.
 * @param forgets the level knows only what it holds: that of a removed key, or of a value that readers loaded, the
 * versions are gone, and the leases alone protect it.
 */
async function walk(level: KeyedLevel, steps: Action[], forgets: boolean, met: Set<unknown>): Promise<void> {
  const key = toBytes(`case:${process.pid}:${++keys}`);
  // Beyond 53 bits, where a level that computes with floating-point numbers would fail.
  let highest = 0n;
  let knowledge: Knowledge = 'nothing';
  let value: string | undefined;
  let past: Lease | undefined;
  for (const [n, action] of steps.entries()) {
    const version =
      action.version === undefined
        ? undefined
        : highest + { older: -1n, same: 0n, newer: n % 2 ? 1n : 1n << 54n }[action.version];
    // Versions are more than 0; without a change there is no lease of the past.
    if (version !== undefined && version <= 0n) continue;
    if (action.lease === 'past' && past === undefined) continue;
    if (action.do === 'fill' && action.lease === 'none') continue;
    const before = await level.lookup(key);
    const lease = { none: undefined, now: before.lease, past }[action.lease];
    const content = { value: toBytes(`value ${n}`), expiresAt: clock.monotonic() + 600_000 };
    const expected = caseOf(action, knowledge);
    met.add(expected);
    const answer =
      action.do === 'set'
        ? await level.set(key, content, version, lease)
        : action.do === 'remove'
          ? await level.remove(key, version)
          : await level.fill(key, { ...content, version }, lease!, before.found !== undefined);
    const where = `step ${n}, ${JSON.stringify(action)} when ${knowledge}`;
    expect(answer, where).toBe(expected.answer);
    if (expected.value !== 'stays') {
      value = expected.value === 'new' ? content.value : undefined;
      knowledge = expected.then ?? (knowledge === 'nothing' ? 'known' : knowledge);
      if (version !== undefined && version > highest) highest = version;
      if (forgets && value === undefined) knowledge = 'nothing';
      if (forgets && knowledge !== 'known') highest = 0n;
      past = before.lease;
    }
    expect((await level.lookup(key)).found?.value, where).toBe(value);
  }
}

function decidesAsTheTable(open: () => Promise<KeyedLevel>, forgets = false): void {
  test('decides as the table of versions says', async () => {
    const level = await open();
    const met = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(actions, (steps) => walk(level, steps, forgets, met)),
      { numRuns: scaled(150) },
    );
    expect(cases.filter((one) => !met.has(one))).toEqual([]);
    await level.close();
  }, 120_000);
}

needs()('memory', () =>
  decidesAsTheTable(() => Promise.resolve(new MemoryLevel({ name: 'm', maxBytes: 1e7, clock })), true),
);

needs('redis')('redis', () =>
  decidesAsTheTable(
    async () =>
      new RedisKeyedLevel('r', await openRedis({ nodes: [(await ownRedis()).url] }, timeouts, signal)),
  ),
);

needs('redis')('redis cluster', () =>
  decidesAsTheTable(async () => {
    const { urls } = await ownRedisCluster();
    return new RedisKeyedLevel('c', await openRedis({ nodes: [...urls] }, timeouts, signal));
  }),
);

needs('memcached')('memcached', () =>
  decidesAsTheTable(async () => {
    const settings = { servers: [...(await ownMemcached()).urls] };
    return MemcachedKeyedLevel.open({ name: 'm', settings, timeouts, clock }, signal);
  }),
);

needs('postgres')('database', () =>
  decidesAsTheTable(async () => {
    const { url } = await ownDatabase();
    return new DatabaseKeyedLevel('d', 'entries', new PostgresPool({ url }, timeouts), clock);
  }),
);

needs('hazelcast')('hazelcast', () =>
  decidesAsTheTable(async () => {
    const server = await startHazelcast();
    const settings = { urls: [server.url] };
    const level = await HazelcastKeyedLevel.open({ name: 'h', settings, timeouts, clock }, signal);
    const close = level.close.bind(level);
    level.close = () => close().then(() => server.stop());
    return level;
  }),
);
