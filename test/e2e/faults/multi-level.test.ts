import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterEach, expect, test } from 'vitest';

import type { MultiLevelCache } from '../../../src/lib/cache/multi-level/cache.js';
import { openCache, type OpenOptions } from '../../../src/lib/cache/multi-level/open.js';
import type { OpenSettings } from '../../../src/lib/cache/multi-level/open-settings.js';
import { startMemcached } from '../../servers/memcached.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { startPostgres } from '../../servers/postgres.js';
import { startRedisCluster } from '../../servers/redis-cluster.js';
import { startRedis } from '../../servers/redis.js';
import { ownDatabase } from '../../servers/shared.js';

const levelTimeoutMs = 1000;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function started<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  closers.push(() => server.stop());
  return server;
}

async function open(
  levels: OpenSettings['cache']['levels'],
  rest: Partial<OpenSettings> = {},
  options: OpenOptions = {},
): Promise<MultiLevelCache> {
  const cache = await openCache(
    { connectTimeoutMs: 5000, requestTimeoutMs: 120_000, cache: { levels, tiers: [] }, ...rest },
    { levelTimeoutMs, ...options },
  );
  closers.push(() => cache.close());
  return cache;
}

async function took(work: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work;
  return performance.now() - startedAt;
}

const warm = { name: 'warm', type: 'redis' as const, ttl: 60_000 };
/** A machine that stalls may take longer than the level's time-out: then the call is to be made again. */
const written = (writing: () => Promise<unknown>) =>
  until('it is written', () =>
    writing().then(
      () => true,
      () => false,
    ),
  );
const breakerOf = (cache: MultiLevelCache) => cache.stats().levels[0]!.breaker;

interface Hanging {
  settings: Partial<OpenSettings>;
  pause(): unknown;
  resume(): unknown;
}

const hanging = {
  async redis(): Promise<Hanging> {
    const { url, pause, resume } = await started(startRedis());
    return { settings: { redis: { nodes: [url] } }, pause, resume };
  },
  async memcached(): Promise<Hanging> {
    const { server, pause, resume } = await started(startMemcached());
    return { settings: { memcached: { servers: [server] } }, pause, resume };
  },
  /** PostgreSQL's backends are processes of their own; a locked table makes all of them wait. */
  async database(): Promise<Hanging> {
    const { url } = await ownDatabase();
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    closers.push(() => client.end());
    return {
      settings: { postgres: { url } },
      pause: () => client.query('BEGIN; LOCK TABLE metrify_cache IN ACCESS EXCLUSIVE MODE'),
      resume: () => client.query('ROLLBACK'),
    };
  },
};

needs(
  'redis',
  'memcached',
  'postgres',
)('a level that hangs', () => {
  test.each(['redis', 'memcached', 'database'] as const)(
    '%s slows a read by its time-out, is skipped, and comes back',
    async (type) => {
      const { settings, pause, resume } = await hanging[type]();
      const cache = await open([{ name: 'level', type, ttl: 60_000 }], settings);
      await until('a value is there', async () => {
        await cache.set('a', 1).catch(() => {});
        return (await cache.get('a')) === 1;
      });
      const before = cache.stats().levels[0]!;
      await pause();
      let loads = 0;
      const load = () => Promise.resolve(++loads);
      const reads = [];
      for (let i = 0; i < 20; i++) reads.push(await took(cache.getOrLoad(`b:${i}`, load)));
      // By the request time-out it would be 120 s.
      expect(Math.max(...reads)).toBeLessThan(20 * levelTimeoutMs);
      const { breaker, trips, failures } = cache.stats().levels[0]!;
      expect({ breaker, trips }).toEqual({ breaker: 'open', trips: before.trips + 1 });
      // Three until the breaker opens, and one more each time it tries whether the level is back.
      expect(failures - before.failures).toBeGreaterThanOrEqual(3);
      expect(failures - before.failures).toBeLessThanOrEqual(6);
      expect(loads).toBe(20);
      await resume();
      await until('the level is back', async () => {
        await cache.get('a');
        return breakerOf(cache) === 'closed';
      });
      expect([1, 2]).toContain(await cache.getOrLoad('a', () => Promise.resolve(2)));
    },
  );
});

needs('redis', 'postgres')('write-through with faults', () => {
  const tables = { readings: { key: ['id'] } };
  const target = (kwh: number) => ({ table: 'readings', row: { id: 1, kwh } });

  test('Redis hangs: the row is written, the call says CACHE_STALE, and the old value is not read again', async () => {
    const redis = await started(startRedis());
    const database = await ownDatabase();
    await database.sql('CREATE TABLE readings (id int PRIMARY KEY, kwh int)');
    const settings = { redis: { nodes: [redis.url] }, postgres: { url: database.url }, tables };
    const cache = await open([warm], settings);
    const other = await open([warm], settings);
    await written(() => cache.writeThrough('reading:1', 1, target(1)));
    await until('the other process sees it', async () => (await other.get('reading:1')) === 1);
    redis.pause();
    await expect(cache.writeThrough('reading:1', 2, target(2))).rejects.toMatchObject({
      code: 'CACHE_STALE',
    });
    expect(await database.sql('SELECT kwh FROM readings')).toEqual([{ kwh: 2 }]);
    redis.resume();
    const load = async () => Number((await database.sql('SELECT kwh FROM readings'))[0]!['kwh']);
    for (let i = 0; i < 30; i++) {
      expect(await cache.getOrLoad('reading:1', load)).toBe(2);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(
      'the other process sees it too',
      async () => (await other.getOrLoad('reading:1', load)) === 2,
    );
  });

  test('Redis is killed and comes back empty: writes say CACHE_STALE until then', async () => {
    const redis = await started(startRedis());
    const database = await ownDatabase();
    await database.sql('CREATE TABLE readings (id int PRIMARY KEY, kwh int)');
    const cache = await open([warm], {
      redis: { nodes: [redis.url] },
      postgres: { url: database.url },
      tables,
    });
    await written(() => cache.writeThrough('reading:1', 1, target(1)));
    await redis.kill();
    for (let i = 2; i < 8; i++)
      await expect(cache.writeThrough('reading:1', i, target(i))).rejects.toMatchObject({
        code: 'CACHE_STALE',
      });
    expect(await database.sql('SELECT kwh FROM readings')).toEqual([{ kwh: 7 }]);
    await redis.restart();
    // The first that is let through may still be followed by the removal of what failed before.
    await until('a write reaches the cache', async () => {
      await cache.writeThrough('reading:1', 8, target(8)).catch(() => {});
      return (await cache.get('reading:1')) === 8;
    });
    expect(cache.stats().levels[0]!.trips).toBe(1);
  });

  test('PostgreSQL is killed: the write fails, and the key is not left with what may be old', async () => {
    const redis = await started(startRedis());
    const postgres = await started(startPostgres());
    await postgres.sql('postgres', 'CREATE TABLE readings (id int PRIMARY KEY, kwh int)');
    const cache = await open([warm], {
      redis: { nodes: [redis.url] },
      postgres: { url: postgres.url },
      tables,
    });
    await written(() => cache.writeThrough('reading:1', 1, target(1)));
    await postgres.kill();
    await expect(cache.writeThrough('reading:1', 2, target(2))).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
    });
    expect(await cache.get('reading:1')).toBeUndefined();
    await postgres.restart();
    await written(() => cache.writeThrough('reading:1', 3, target(3)));
    await until('it is read', async () => (await cache.get('reading:1')) === 3);
  });
});

needs('redis')('a Redis that is away', () => {
  test('when the service starts is used as soon as it is there', async () => {
    const redis = await started(startRedis());
    await redis.kill();
    const cache = await open([warm], { redis: { nodes: [redis.url] } });
    expect(await cache.getOrLoad('a', () => Promise.resolve(1))).toBe(1);
    await redis.restart();
    await until('it is used', () =>
      cache.setInRedis('b', 2).then(
        () => true,
        () => false,
      ),
    );
    await until('the level is back', async () => (await cache.get('b')) === 2);
  });

  test('is cold: 1,000 concurrent misses of a key load once', async () => {
    const redis = await started(startRedis());
    const cache = await open([warm], { redis: { nodes: [redis.url] } }, { levelTimeoutMs: 5000 });
    let loads = 0;
    const load = async () => {
      loads++;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return 'x'.repeat(1000);
    };
    await Promise.all(Array.from({ length: 1000 }, () => cache.getOrLoad('hot', load)));
    expect(loads).toBe(1);
  });

  test('for a failover: setInRedis and getFromRedis wait, and the levels find the new master', async () => {
    const cluster = await started(startRedisCluster({ nodeTimeoutMs: 1000 }));
    const cache = await open([warm], { redis: { nodes: cluster.urls } }, { redisTimeoutMs: 60_000 });
    const keys = Array.from({ length: 60 }, (_, i) => `meter:${i}`);
    await Promise.all(keys.map((key) => cache.setInRedis(key, 1)));
    await cluster.killMaster(0);
    await Promise.all(keys.map((key) => cache.setInRedis(key, 2)));
    expect(await Promise.all(keys.map((key) => cache.getFromRedis(key)))).toEqual(keys.map(() => 2));
    await until('the level is back', async () => {
      const values = await Promise.all(keys.map((key) => cache.getOrLoad(key, () => Promise.resolve(3))));
      return breakerOf(cache) === 'closed' && values.every((value) => value === 2 || value === 3);
    });
  });
});

test('the package gives the library under its public name', async () => {
  const program = `
    const { openCache } = await import('metrify/cache');
    const settings = { connectTimeoutMs: 1000, requestTimeoutMs: 1000, cache: { levels: [{ name: 'hot', type: 'memory' }], tiers: [] } };
    const cache = await openCache(settings);
    await cache.set('a', { kwh: 1 });
    console.log(JSON.stringify(await cache.get('a')));`;
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
  });
  expect(stdout).toBe('{"kwh":1}\n');
});
