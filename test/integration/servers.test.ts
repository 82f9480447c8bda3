import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';

import { expect, test } from 'vitest';

import { ask, until } from '../servers/ports.js';
import { startMemcached } from '../servers/memcached.js';
import { needs } from '../servers/needs.js';
import { query, startPostgres } from '../servers/postgres.js';
import { isRunning } from '../servers/process.js';
import { startRedis } from '../servers/redis.js';
import { startRedisCluster } from '../servers/redis-cluster.js';
import { ownDatabase, ownMemcached, ownRedis, ownRedisCluster } from '../servers/shared.js';
import { loadSimbench, readMeters } from '../servers/simbench.js';

needs('redis')('Redis', () => {
  test('starts, answers, comes back on its port and leaves nothing', async () => {
    const redis = await startRedis({ password: 'p:a@s' });
    expect(await redis.cli('SET', 'a', '1')).toBe('OK');
    await redis.kill();
    expect(await ask(redis.port, 'PING\r\n')).toBe('');
    await redis.restart();
    expect(await redis.cli('DBSIZE')).toBe('0');
    const { pid, directory } = redis;
    await redis.stop();
    expect(isRunning(pid)).toBe(false);
    expect(existsSync(directory)).toBe(false);
  });

  test('hangs while it is paused', async () => {
    const redis = await startRedis();
    redis.pause();
    expect(await ask(redis.port, 'PING\r\n', 200)).toBe('');
    redis.resume();
    expect(await ask(redis.port, 'PING\r\n')).toBe('+PONG\r\n');
    await redis.stop();
  });

  test('dies with its owner', async () => {
    const script = `import { startRedis } from './test/servers/redis.ts';
      const redis = await startRedis();
      process.stdout.write(JSON.stringify([redis.pid, redis.directory]));
      setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    const [data] = (await once(owner.stdout, 'data')) as [Buffer];
    const [pid, directory] = JSON.parse(data.toString()) as [number, string];
    expect(isRunning(pid)).toBe(true);
    owner.kill('SIGKILL');
    await until('the orphan is gone', () => !isRunning(pid) && !existsSync(directory));
  });

  test('gives each file an empty database of its own', async () => {
    const [one, other] = [await ownRedis(), await ownRedis()];
    expect(one.port).toBe(other.port);
    expect(one.database).not.toBe(other.database);
    expect(await ask(one.port, `SELECT ${one.database}\r\n`)).toBe('+OK\r\n');
  });
});

needs('redis')('Redis Cluster', () => {
  test('fails over when a master is killed, and takes it back', async () => {
    const cluster = await startRedisCluster({ nodeTimeoutMs: 4000 });
    expect(cluster.nodes.map(({ role }) => role)).toEqual([
      ...['master', 'master', 'master'],
      ...['replica', 'replica', 'replica'],
    ]);
    const killed = await cluster.killMaster(0);
    await cluster.ready();
    const successor = (await cluster.topology()).find(({ slots }) => slots.includes('0-5460'));
    expect(successor?.port).toBe(cluster.nodes[3]!.port);
    await cluster.restartNode(0);
    await cluster.ready();
    const back = (await cluster.topology()).find(({ port }) => port === killed.port);
    expect(back).toMatchObject({ role: 'replica', failed: false });
    await cluster.stop();
    expect(cluster.nodes.some(({ pid }) => isRunning(pid))).toBe(false);
  });

  test('is shared, with a prefix for each file', async () => {
    const [one, other] = [await ownRedisCluster(), await ownRedisCluster()];
    expect(one.urls).toEqual(other.urls);
    expect(one.prefix).not.toBe(other.prefix);
  });
});

needs('memcached')('Memcached', () => {
  test('starts, answers and stops', async () => {
    const memcached = await startMemcached();
    expect(await ask(memcached.port, 'set a 0 0 1\r\n1\r\n')).toBe('STORED\r\n');
    await memcached.restart();
    expect(await ask(memcached.port, 'get a\r\n')).toBe('END\r\n');
    await memcached.stop();
    expect(isRunning(memcached.pid)).toBe(false);
    expect((await ownMemcached()).urls).toHaveLength(1);
  });
});

needs('postgres')('PostgreSQL', () => {
  test('starts, answers, comes back with its data and stops', async () => {
    const postgres = await startPostgres({ settings: { work_mem: '7MB' } });
    const url = await postgres.createDatabase('my "db"');
    await query(url, 'CREATE TABLE t AS SELECT 1 AS a');
    await postgres.kill();
    await postgres.restart();
    expect(await query(url, 'SHOW work_mem; SELECT a FROM t')).toEqual([{ a: 1 }]);
    expect(await query(postgres.guarded.url, 'SELECT current_user AS me')).toEqual([{ me: 'guarded' }]);
    await expect(query(postgres.guarded.url.replace('sesame', 'wrong'), 'SELECT 1')).rejects.toThrow(
      'password',
    );
    await postgres.stop();
    expect(isRunning(postgres.pid)).toBe(false);
  });

  test('gives each file a database of its own', async () => {
    const [one, other] = [await ownDatabase(), await ownDatabase()];
    await one.sql('CREATE TABLE t (a int)');
    expect(await one.sql('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 0 }]);
    await expect(other.sql('SELECT FROM t')).rejects.toThrow('does not exist');
  });
});

needs('postgres', 'simbench')('SimBench', () => {
  test('a day of readings of every load', async () => {
    const database = await ownDatabase();
    const data = await loadSimbench(database.url, { days: 1 });
    expect(data).toMatchObject({
      meters: 36_063,
      readings: 36_063 * 96,
      lastReading: '2016-01-01T23:45:00.000Z',
    });
    const [counts] = await database.sql(
      `SELECT (SELECT count(*)::int FROM meters WHERE longitude IS NOT NULL) AS placed,
        count(*)::int AS readings, count(DISTINCT ts)::int AS quarters, max(ts) AS last FROM readings`,
    );
    expect(counts).toEqual({
      placed: 36_063,
      readings: data.readings,
      quarters: 96,
      last: new Date(data.lastReading),
    });
    // Worked out by hand from the files: profile G3-A at 00:00 is 0.351171, and meter 1 peaks at 0.23 MW.
    const [meter] = await readMeters();
    expect(meter).toMatchObject({ profile: 'G3-A', pLoad: 0.23, longitude: 11.7324, latitude: 53.7271 });
    const [first] = await database.sql('SELECT kwh FROM readings WHERE meter_id = 1 ORDER BY ts LIMIT 1');
    expect(Number(first!['kwh'])).toBeCloseTo(0.351171 * 0.23 * 250, 5);
    expect(data.seconds).toBeGreaterThan(0);
  });
});
