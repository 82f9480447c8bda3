import { afterAll, beforeAll, expect, test } from 'vitest';

import { MultiLevelCache } from '../../../src/lib/cache/multi-level/cache.js';
import { openCache, type OpenOptions } from '../../../src/lib/cache/multi-level/open.js';
import type { WriteQueue } from '../../../src/lib/cache/multi-level/queue.js';
import { MemoryLevel } from '../../../src/lib/cache/memory/keyed-level.js';
import { PostgresPool } from '../../../src/lib/clients/postgres/pool.js';
import { partitionKeys, partitionOf } from '../../../src/lib/cache/write-behind/keys.js';
import { WriteUnsettled } from '../../../src/lib/cache/write-behind/sender.js';
import { ServiceUnavailable } from '../../../src/lib/core/errors.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { startRedis, type RedisServer } from '../../servers/redis.js';
import { ownDatabase } from '../../servers/shared.js';
import { FakeClock } from '../../unit/multi-level/fake-clock.js';
import { queueBench, timeouts, type Bench } from '../write-behind/setup.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

const table = 'sensor';
const tables = { [table]: { key: ['id'] } };
const open: MultiLevelCache[] = [];
afterAll(() => Promise.all(open.map((cache) => cache.close())));

async function queueing(
  url: string,
  durability: 'memory' | 'replica' = 'memory',
  options: OpenOptions = {},
  limits: Partial<typeof timeouts> = {},
): Promise<MultiLevelCache> {
  const cache = await openCache(
    {
      ...limits,
      redis: { nodes: [url] },
      cache: {
        levels: [
          { name: 'hot', type: 'memory' },
          { name: 'warm', type: 'redis' },
        ],
        writeBehind: { tables, durability },
      },
    },
    options,
  );
  open.push(cache);
  return cache;
}

const put = (cache: MultiLevelCache, key: string, v: number, operationId?: string) =>
  cache.writeBehind(key, { v }, { table, row: { id: 1, v } }, 'upsert', { operationId });

needs('redis')('a write that is queued, but on no replica', () => {
  let master: RedisServer;
  let replica: RedisServer;
  beforeAll(async () => {
    master = await startRedis();
    replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    await until('the replica follows', async () =>
      (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
    );
  });
  afterAll(async () => {
    replica?.resume();
    await Promise.all([master?.stop(), replica?.stop()]);
  });

  test('leaves no older value behind, and is applied once when it is called again', async () => {
    const cache = await queueing(master.url, 'replica', { levelTimeoutMs: 5000 });
    const { stream } = partitionKeys(partitionOf(toBytes('k'), 16));
    await put(cache, 'k', 1);
    expect(await cache.get('k')).toEqual({ v: 1 });
    replica.pause();
    const error: unknown = await put(cache, 'k', 2).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WriteUnsettled);
    const { code, operationId } = error as WriteUnsettled;
    expect(code).toBe('NOT_REPLICATED');
    expect(await cache.get('k')).toEqual({ v: 2 });
    expect(await cache.getOrLoad('k', () => Promise.resolve('the older row'))).toEqual({ v: 2 });
    replica.resume();

    const [id] = (await master.cli('XREVRANGE', stream, '+', '-', 'COUNT', '1')).split('\n');
    expect(await put(cache, 'k', 2, operationId)).toMatchObject({ operationId, id });
    expect(await master.cli('XLEN', stream)).toBe('2');
    expect(await cache.get('k')).toEqual({ v: 2 });
  });
});

needs('redis', 'postgres')('a write that is called again', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await queueBench(tables);
    await bench.database.sql('CREATE TABLE sensor (id int PRIMARY KEY, v int)');
  });
  const row = async () => (await bench.database.sql('SELECT v FROM sensor WHERE id = 1'))[0];

  test('does not bring its value back over a later one', async () => {
    const cache = await queueing(bench.redis.url, 'memory', { levelTimeoutMs: 5000 });
    const { operationId } = await put(cache, 'k', 1);
    await put(cache, 'k', 2);
    await bench.drain();
    await put(cache, 'k', 1, operationId);
    const read = cache.getOrLoad('k', row);
    await bench.drain();
    expect([await read, await row()]).toEqual([{ v: 2 }, { v: 2 }]);
  });

  test('a reader waits for a queued removal however long a level may take, and delays nobody else', async () => {
    const cache = await queueing(bench.redis.url, 'memory', {
      levelTimeoutMs: 500,
      breaker: { failures: 1 },
    });
    await put(cache, 'gone', 1);
    await bench.drain();
    await cache.writeBehind('gone', null, { table, row: { id: 1 } }, 'delete');
    let over = false;
    const read = cache.getOrLoad('gone', row).finally(() => (over = true));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(over).toBe(false);
    expect(await cache.getOrLoad('other', () => Promise.resolve(7))).toBe(7);
    await bench.drain();
    expect(await read).toBeUndefined();
  });
});

needs('redis')('the Redis of the queue hangs', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    redis?.resume();
    await redis?.stop();
  });

  test('a write of which nothing is known leaves no older value behind', async () => {
    const brief = { connectTimeoutMs: 4000, requestTimeoutMs: 4000 };
    const cache = await queueing(redis.url, 'memory', { levelTimeoutMs: 500 }, brief);
    await put(cache, 'k', 1);
    expect(await cache.get('k')).toEqual({ v: 1 });
    redis.pause();
    await expect(put(cache, 'k', 2)).rejects.toMatchObject({ code: 'WRITE_UNCERTAIN' });
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    redis.resume();
    let found: unknown;
    await until('it can be read again', async () => {
      found = await cache.get('k').catch(() => undefined);
      return found !== undefined;
    });
    expect(found).toEqual({ v: 2 });
  });

  test('queries do not ask it, other misses fail in time instead of loading a row that may be old', async () => {
    let loads = 0;
    const load = () => Promise.resolve(++loads);
    const cache = await queueing(redis.url, 'memory', {
      levelTimeoutMs: 500,
      query: () => Promise.resolve([{ n: 1 }]),
    });
    await cache.set('known', 1);
    redis.pause();
    const startedAt = performance.now();
    expect(await cache.wrap('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      const refusal = { code: 'QUEUE_UNAVAILABLE', hint: expect.stringContaining('older') as string };
      await expect(cache.get(key)).rejects.toMatchObject(refusal);
      await expect(cache.getOrLoad(key, load)).rejects.toMatchObject(refusal);
    }
    expect(await cache.get('known')).toBe(1);
    // Without a bound each of them takes the request time-out, 30 s.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(loads).toBe(0);
    redis.resume();
    await until('misses load again', () =>
      cache.getOrLoad('a', load).then(
        () => true,
        () => false,
      ),
    );
  });
});

test('a queue that fails is asked by one read at a time, and a write that waits for the worker is no failure', async () => {
  let outcome: Promise<undefined> = Promise.reject(new ServiceUnavailable('away'));
  let asked = 0;
  const queue: WriteQueue = {
    writeBehind: () => Promise.reject(new Error('nothing is written here')),
    pendingValue: () => (asked++, outcome),
    close() {},
  };
  const clock = new FakeClock();
  const cache = new MultiLevelCache({
    levels: [{ level: new MemoryLevel({ name: 'hot', maxBytes: 1e6, clock }) }],
    queue,
    clock,
  });
  const code = (key: string) =>
    cache.get(key).then(
      () => 'none',
      (error: ServiceUnavailable) => error.code,
    );
  for (let i = 0; i < 10; i++) expect(await code(`a${i}`)).toBe('QUEUE_UNAVAILABLE');
  expect(asked).toBe(3);
  clock.advance(501);
  outcome = Promise.resolve(undefined);
  expect(await code('b')).toBe('none');
  outcome = Promise.reject(new ServiceUnavailable('settling', { code: 'WRITE_PENDING' }));
  for (let i = 0; i < 5; i++) expect(await code(`c${i}`)).toBe('WRITE_PENDING');
  expect(asked).toBe(9);
});

needs('postgres')('connections to PostgreSQL', () => {
  test('are waited for no longer than the request time-out', async () => {
    const pool = new PostgresPool(
      { url: (await ownDatabase()).url },
      { ...timeouts, requestTimeoutMs: 1000 },
      1,
    );
    let release!: () => void;
    let begun!: () => void;
    const started = new Promise<void>((resolve) => (begun = resolve));
    const first = pool.run(() => {
      begun();
      return new Promise<void>((resolve) => (release = resolve));
    });
    await started;
    const one = () => pool.run(async (client) => (await client.query('SELECT 1 AS n')).rows);
    const late = await Promise.allSettled([one(), one(), one()]);
    for (const outcome of late)
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(ServiceUnavailable) as Error });
    const inTime = [one(), one()];
    release();
    await first;
    expect(await Promise.all(inTime)).toEqual([[{ n: 1 }], [{ n: 1 }]]);
    expect(await one()).toEqual([{ n: 1 }]);
    const waits = pool.run(() => new Promise<void>((resolve) => (release = resolve)));
    const closed = expect(one()).rejects.toMatchObject({ code: 'CLOSED' });
    await pool.close();
    await closed;
    release();
    await waits.catch(() => {});
  });

  test('that are idle are dropped with one that was lost, and nothing is repeated', async () => {
    const pool = new PostgresPool({ url: (await ownDatabase()).url }, timeouts);
    const pid = () =>
      pool.run(async (client) => {
        const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid, pg_sleep(0.2)');
        return rows[0]!.pid;
      });
    const before = await Promise.all([pid(), pid(), pid()]);
    let runs = 0;
    const lost = pool.run((client) => {
      runs++;
      return client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [before]);
    });
    await expect(lost).rejects.toBeInstanceOf(ServiceUnavailable);
    expect(runs).toBe(1);
    const after = await Promise.all([pid(), pid(), pid()]);
    expect(before.filter((one) => after.includes(one))).toEqual([]);
    await pool.close();
  });

  test('that are lost while they are idle are opened again when they are needed', async () => {
    const { url, sql } = await ownDatabase();
    const pool = new PostgresPool({ url }, timeouts);
    const one = () => pool.run(async (client) => (await client.query('SELECT 1 AS n')).rows);
    await Promise.all([one(), one()]);
    await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'metrify'`);
    // Before the end of the connection has arrived, a call may still fail with it.
    await expect.poll(() => one().catch(() => undefined)).toEqual([{ n: 1 }]);
    for (let i = 0; i < 3; i++) expect(await one()).toEqual([{ n: 1 }]);
    await pool.close();
  });
});
