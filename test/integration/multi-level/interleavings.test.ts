import { randomUUID } from 'node:crypto';

import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';

import { MultiLevelCache } from '../../../src/lib/cache/multi-level/cache.js';
import type { RowWriter } from '../../../src/lib/cache/multi-level/rows.js';
import type { KeyedLevel } from '../../../src/lib/cache/keyed-level.js';
import { DatabaseKeyedLevel } from '../../../src/lib/cache/database/keyed-level.js';
import { HazelcastKeyedLevel } from '../../../src/lib/cache/hazelcast/keyed-level.js';
import { MemcachedKeyedLevel } from '../../../src/lib/cache/memcached/keyed-level.js';
import { MemoryLevel } from '../../../src/lib/cache/memory/keyed-level.js';
import { PostgresPool } from '../../../src/lib/clients/postgres/pool.js';
import { RedisKeyedLevel } from '../../../src/lib/cache/redis/keyed-level.js';
import { HazelcastConnection } from '../../../src/lib/clients/hazelcast/connection.js';
import { openRedis } from '../../../src/lib/clients/redis/client.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { startHazelcast } from '../../servers/hazelcast.js';
import { scaled } from '../../scale.js';
import { needs } from '../../servers/needs.js';
import { ownDatabase, ownMemcached, ownRedis } from '../../servers/shared.js';
import { SteppedLevel, Steps, steppedConnection, UnguardedLevel } from './steps.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 5000 };
const { signal } = new AbortController();
const opened: KeyedLevel[] = [];
afterAll(() => Promise.all(opened.map((keyed) => keyed.close())));

/** Takes a value out of a shared level behind the cache's back, as an eviction does; its record stays. */
interface Shared {
  keyed: KeyedLevel;
  evict(key: string): Promise<unknown>;
  /** Steps finer than the level's calls: those of its requests. */
  stepped?: Wrap;
}

const shared = {
  async redis(): Promise<Shared> {
    const client = await openRedis({ nodes: [(await ownRedis()).url] }, timeouts, signal);
    return {
      keyed: new RedisKeyedLevel('shared', client),
      evict: (key) => client.call(['DEL', toBytes(key)]),
    };
  },
  async memcached(): Promise<Shared> {
    const { urls } = await ownMemcached();
    const options = { name: 'shared', settings: { servers: [...urls] }, timeouts, clock: systemClock };
    const keyed = await MemcachedKeyedLevel.open(options, signal);
    return { keyed, evict: () => Promise.resolve() };
  },
  async database(): Promise<Shared> {
    const { url } = await ownDatabase();
    const keyed = new DatabaseKeyedLevel(
      'shared',
      'entries',
      new PostgresPool({ url }, timeouts),
      systemClock,
    );
    return { keyed, evict: () => Promise.resolve() };
  },
  async hazelcast(): Promise<Shared> {
    const server = await startHazelcast();
    const settings = { urls: [server.url] };
    const patient = { connectTimeoutMs: 5000, requestTimeoutMs: 60_000 };
    const connection = await HazelcastConnection.open(settings, patient, systemClock, signal);
    const keyed = new HazelcastKeyedLevel('shared', connection, systemClock);
    const close = () => keyed.close().then(() => server.stop());
    opened.push({ close } as KeyedLevel);
    return {
      keyed,
      evict: (key) => connection.run(({ map }) => map.evict(key), signal),
      stepped: (_, steps) =>
        new HazelcastKeyedLevel('shared', steppedConnection(connection, steps), systemClock),
    };
  },
};

interface Read {
  instance: number;
  startedAt: number;
  endedAt: number;
  /** Which commit the value is of. */
  commit: number;
}

type Wrap = (keyed: KeyedLevel, steps: Steps) => KeyedLevel;
const guarded: Wrap = (keyed, steps) => new SteppedLevel(keyed, steps);

/**
 * Two processes with a cache each, over one database row: writers that write through, readers that load slowly,
 * and values that are evicted. @returns what is wrong, if anything is.
 */
async function play(
  seed: number,
  level: Shared | undefined,
  memory: boolean,
  wrap: Wrap,
): Promise<string | undefined> {
  const steps = new Steps(seed);
  const key = `meter:${randomUUID()}`;
  let commits = 0;
  let row = 'initial';
  const commitOf = new Map([[row, 0]]);
  const rows: RowWriter = {
    async write({ row: { value } }) {
      await steps.step();
      row = value as string;
      commitOf.set(row, ++commits);
      const version = BigInt(commits);
      await steps.step();
      return version;
    },
    close: () => Promise.resolve(),
  };
  const load = async (): Promise<string> => {
    await steps.step();
    const value = row;
    await steps.step();
    return value;
  };
  const caches = [0, 1].map(() => {
    const local = new MemoryLevel({ name: 'memory', maxBytes: 1e6, clock: systemClock });
    const keyedLevels = [
      ...(memory ? [level ? local : wrap(local, steps)] : []),
      ...(level ? [wrap(level.keyed, steps)] : []),
    ];
    const levels = keyedLevels.map((level) => ({ level, timeoutMs: 60_000 }));
    return { local, cache: new MultiLevelCache({ levels, rows }) };
  });
  // Without a shared level there is nothing that two processes have in common.
  const instances = level ? [0, 1] : [0];
  const reads: Read[] = [];
  let time = 0;
  const reader = async (instance: number): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await steps.step();
      const startedAt = ++time;
      const value = await caches[instance]!.cache.getOrLoad(key, load);
      reads.push({ instance, startedAt, endedAt: ++time, commit: commitOf.get(value!)! });
    }
  };
  const writer = async (name: string): Promise<void> => {
    await steps.step();
    const instance = instances[steps.pick(instances.length)]!;
    await caches[instance]!.cache.writeThrough(key, name, { table: 't', row: { value: name } });
  };
  const evictor = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await steps.step();
      if (steps.pick(2) === 0) for (const { local } of caches) local.evict();
      else await level?.evict(key);
    }
  };
  await steps.run([
    ...instances.flatMap((instance) => [reader(instance), reader(instance)]),
    ...['a', 'b', 'c', 'd'].map(writer),
    evictor(),
  ]);
  for (const one of reads)
    for (const other of reads)
      if (one.instance === other.instance && one.endedAt < other.startedAt && one.commit > other.commit)
        return `process ${one.instance} read commit ${one.commit}, and then ${other.commit}`;
  const left = (await level?.keyed.lookup(toBytes(key)))?.found;
  if (left && commitOf.get(JSON.parse(left.value) as string) !== commits)
    return `the shared level is left with commit ${commitOf.get(JSON.parse(left.value) as string)} of ${commits}`;
  return undefined;
}

async function firstFault(
  runs: number,
  level: Shared | undefined,
  memory: boolean,
  wrap: Wrap,
): Promise<{ seed: number; fault: string } | undefined> {
  const property = fc.asyncProperty(fc.noShrink(fc.integer({ min: 1, max: 2 ** 31 - 1 })), async (seed) => {
    const fault = await play(seed, level, memory, wrap);
    if (fault !== undefined) throw new Error(fault);
  });
  const { failed, counterexample, errorInstance } = await fc.check(property, { numRuns: scaled(runs) });
  return failed ? { seed: counterexample![0], fault: String(errorInstance) } : undefined;
}

const open = async (kind: keyof typeof shared): Promise<Shared> => {
  const level = await shared[kind]();
  opened.push(level.keyed);
  return level;
};

const runs = Number(process.env['INTERLEAVINGS'] ?? 150);

test('memory level: no reader sees an older value after a newer one', async () => {
  expect(await firstFault(3 * runs, undefined, true, guarded)).toBeUndefined();
});

test.each(['versions', 'leases'] as const)('memory level without %s: it does', async (without) => {
  const wrap: Wrap = (keyed, steps) => new UnguardedLevel(keyed, steps, without);
  expect(await firstFault(1000, undefined, true, wrap)).toBeDefined();
});

for (const kind of ['redis', 'memcached', 'hazelcast', 'database'] as const) {
  needs(kind === 'database' ? 'postgres' : kind)(`${kind} level`, () => {
    test.each([
      ['alone', false],
      ['under a memory level', true],
    ])('%s: no reader sees an older value after a newer one', async (_, memory) => {
      const level = await open(kind);
      expect(await firstFault(runs, level, memory, level.stepped ?? guarded)).toBeUndefined();
    });

    test.each(['versions', 'leases'] as const)('without %s: readers do', async (without) => {
      const wrap: Wrap = (keyed, steps) => new UnguardedLevel(keyed, steps, without);
      expect(await firstFault(1000, await open(kind), false, wrap)).toBeDefined();
    });
  });
}
