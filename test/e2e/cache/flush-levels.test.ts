import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { startRedis, type RedisServer } from '../../servers/redis.js';
import { ownDatabase, ownMemcached, ownRedisCluster } from '../../servers/shared.js';
import { confirming } from '../confirm-name.js';
import { metrify } from '../run.js';
import { converse, memcachedGet } from './memcached-probe.js';
import { dumpCluster, Probe } from './redis-probe.js';

const confirmed = (url: string) => [...confirming('redis', url), '--json'];
const keys = (count: number, make: (i: number) => string) => Array.from({ length: count }, (_, i) => make(i));
const set = (probe: Probe, names: string[]) => probe.askAll(names.map((name) => ['SET', name, 'x']));

needs('redis')('cache flush and what the server is set to', () => {
  let redis: RedisServer;
  let replica: RedisServer;
  beforeAll(async () => {
    [redis, replica] = await Promise.all([
      startRedis({ args: ['--enable-debug-command', 'yes'] }),
      startRedis(),
    ]);
  });
  afterAll(async () => {
    await redis.stop();
    await replica.stop();
  });
  const flush = (...more: string[]) =>
    metrify(['cache', 'flush', '--redis-url', redis.url, ...more, ...confirmed(redis.url)]);
  const fill = () =>
    Probe.with(redis.port, 0, (probe) =>
      set(
        probe,
        keys(100, (i) => `m:${i}`),
      ),
    );

  test('with keyspace notifications it warns, and wants a rate', async () => {
    await fill();
    await redis.cli('CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
    const refused = await flush('--pattern', 'm:*');
    expect(refused.code).toBe(4);
    expect(JSON.parse(refused.stderr).error).toMatchObject({ code: 'RATE_MISSING' });
    expect(Number(await redis.cli('DBSIZE'))).toBe(100);
    const finished = await flush('--pattern', 'm:*', '--rate', '100000');
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().warnings.join()).toContain('keyspace notifications');
    // Only key events of other kinds: nobody is told.
    await redis.cli('CONFIG', 'SET', 'notify-keyspace-events', 'Kx');
    expect((await flush('--pattern', 'm:*')).json().warnings).toEqual([]);
    await redis.cli('CONFIG', 'SET', 'notify-keyspace-events', '');
  });

  test('with clients that track keys, too', async () => {
    await fill();
    const socket = connect(redis.port, '127.0.0.1');
    socket.write('HELLO 3\r\nCLIENT TRACKING ON BCAST\r\n');
    await until('it tracks', async () => (await redis.cli('INFO', 'clients')).includes('tracking_clients:1'));
    const refused = await flush('--pattern', 'm:*');
    socket.destroy();
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('RATE_MISSING');
    expect(Number(await redis.cli('DBSIZE'))).toBe(100);
  });

  test('--idle goes by the idle time, and is refused where the policy keeps none', async () => {
    await redis.cli('FLUSHALL');
    await fill();
    // Restored with an idle time, as nobody waits an hour in a test.
    await Probe.with(redis.port, 0, async (probe) => {
      const dumped = (await probe.ask('DUMP', 'm:1')) as string;
      await probe.askAll(
        keys(40, (i) => `old:${i}`).map((key) => ['RESTORE', key, '0', dumped, 'IDLETIME', '7200']),
      );
    });
    const finished = await flush('--idle', '1h');
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result).toMatchObject({ deleted: 40, byPrefix: [{ prefix: 'old:*', keys: 40 }] });
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu');
    const refused = await flush('--idle', '1h');
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.stderr).error.message).toContain('allkeys-lfu');
    expect(Number(await redis.cli('DBSIZE'))).toBe(100);
  });

  test('a replica is no place to remove or write: exit 5, the master by name', async () => {
    await fill();
    await replica.cli('REPLICAOF', '127.0.0.1', String(redis.port));
    await until('it follows', async () => (await replica.cli('DBSIZE')) === '100');
    for (const args of [
      ['cache', 'flush', '--pattern', 'm:*', ...confirmed(replica.url)],
      ['cache', 'set', 'm:1', 'y', '--json'],
      ['cache', 'delete', 'm:1', '--json'],
    ]) {
      const finished = await metrify([...args, '--redis-url', replica.url]);
      expect(finished.code, finished.stderr).toBe(5);
      expect(finished.stderr).toContain(`127.0.0.1:${redis.port}`);
    }
    expect(await replica.cli('DBSIZE')).toBe('100');
  });

  test('a warm that a replica refuses leaves the dead letters of the run before', async () => {
    const deadLetter = join(tmpdir(), `metrify-dead-${process.pid}.jsonl`);
    try {
      writeFileSync(deadLetter, '{"reason":"of yesterday","row":"x"}\n');
      const args = ['cache', 'warm', '--stdin', '--key', 'm:{id}', '--dead-letter', deadLetter];
      const finished = await metrify([...args, '--redis-url', replica.url], { stdin: 'id,v\n1,x\n' });
      expect(finished.code, finished.stderr).toBe(5);
      expect(readFileSync(deadLetter, 'utf8')).toContain('of yesterday');
    } finally {
      rmSync(deadLetter, { force: true });
    }
  });
});

needs(
  'redis',
  'memcached',
  'postgres',
)('cache flush of the other levels', () => {
  test('a cluster: on every master, with its share', async () => {
    const { urls, prefix } = await ownRedisCluster();
    const names = keys(3000, (i) => `${prefix}m:${i}`);
    const ports = urls.map((url) => Number(new URL(url).port));
    for (const port of ports.slice(0, 3))
      await Probe.with(port, 0, (probe) => set(probe, [...names, `${prefix}stays`]));
    const env = { METRIFY_REDIS_URL: urls.join(',') };
    const finished = await metrify(['cache', 'flush', '--pattern', `${prefix}m:*`, ...confirmed(urls[0]!)], {
      env,
    });
    expect(finished.code, finished.stderr).toBe(0);
    const { result } = finished.json();
    expect(result).toMatchObject({ matched: 3000, deleted: 3000 });
    const shares = result.nodes.map(({ deleted }: { deleted: number }) => deleted);
    expect(shares).toHaveLength(3);
    expect(shares.reduce((a: number, b: number) => a + b)).toBe(3000);
    expect([...(await dumpCluster(ports[0]!, `${prefix}*`)).keys()]).toEqual([`${prefix}stays`]);
  });

  test('Memcached: by pattern and without expiry', async () => {
    const { urls, prefix } = await ownMemcached();
    const env = { METRIFY_MEMCACHED_SERVERS: urls[0]! };
    const names = keys(150, (i) => `${prefix}${'ab'[i % 2]}:${i}`);
    for (const name of names) await converse(urls[0]!, `set ${name} 0 0 1\r\nx\r\n`);
    const args = ['--level', 'memcached', ...confirming('memcached', urls[0]!), '--json'];
    const dry = await metrify(['cache', 'flush', '--pattern', `${prefix}a:*`, '--dry-run', ...args], { env });
    expect(dry.json().result).toMatchObject({ matched: 75 });
    const { result } = (
      await metrify(['cache', 'flush', '--pattern', `${prefix}a:*`, ...args], { env })
    ).json();
    expect(result).toMatchObject({ matched: 75, deleted: 75 });
    expect([...(await memcachedGet(urls[0]!, names)).keys()].sort()).toEqual(
      names.filter((name) => name.startsWith(`${prefix}b`)).sort(),
    );
  });

  test('the database', async () => {
    const database = await ownDatabase();
    const env = { METRIFY_POSTGRES_URL: database.url };
    await metrify(['cache', 'set', 'first', 'x'], { env });
    await database.sql(
      `INSERT INTO metrify_cache SELECT 'm:' || i, 'x', CASE WHEN i % 2 = 0 THEN now() + interval '1h' END FROM generate_series(1, 6000) i`,
    );
    const args = [...confirming('database', database.url), '--json'];
    const { result } = (await metrify(['cache', 'flush', '--pattern', 'm:*1', ...args], { env })).json();
    expect(result).toMatchObject({ matched: 600, deleted: 600 });
    const noTtl = (await metrify(['cache', 'flush', '--no-ttl', ...args], { env })).json();
    expect(noTtl.result).toMatchObject({ deleted: 2401 });
    expect(await database.sql('SELECT count(*)::int AS left FROM metrify_cache')).toEqual([{ left: 3000 }]);
    const idle = await metrify(['cache', 'flush', '--idle', '1d', ...args], { env });
    expect(idle.code, idle.stdout).toBe(2);
  });
});
