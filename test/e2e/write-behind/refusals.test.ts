import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { startRedis, type RedisServer } from '../../servers/redis.js';
import { startRedisCluster } from '../../servers/redis-cluster.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrify } from '../run.js';

needs('redis', 'postgres')('write-behind on servers that could lose what is queued', () => {
  let folder: TemporaryDirectory;
  let redis: RedisServer;
  let database: OwnDatabase;
  let config: string;

  beforeAll(async () => {
    [folder, redis, database] = await Promise.all([
      temporaryDirectory('refusals'),
      startRedis(),
      ownDatabase(),
    ]);
    config = join(folder.path, 'metrify.config.yaml');
    await database.sql('CREATE TABLE meters (id int PRIMARY KEY, kwh numeric)');
  });
  afterAll(async () => {
    await redis?.stop();
    await folder?.remove();
  });

  const configure = (durability: string, urls: readonly string[], username?: string) =>
    writeFile(
      config,
      `environments: { default: { redis: { nodes: ${JSON.stringify(urls)}${username ? `, username: ${username}` : ''} }, postgres: { url: "${database.url}" },
        cache: { writeBehind: { durability: ${durability}, tables: { meters: { key: [id] } } } } } }\n`,
    );
  const worker = (env: Record<string, string> = {}) =>
    metrify(['-c', config, 'cache', 'worker', '--until-empty', '--json'], { env });
  const set = (id: number) =>
    metrify([
      ...['-c', config, 'cache', 'set', `meter:${id}`, `{"id":${id},"kwh":1}`],
      ...['--write-behind', '--table', 'meters'],
    ]);

  test('a server that evicts any key is refused once its memory has a limit', async () => {
    await configure('memory', [redis.url]);
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const unlimited = await worker();
    expect(unlimited.code, unlimited.stderr).toBe(0);
    expect(unlimited.json().warnings.join()).toMatch(/evicts any key .*allkeys-lru.*once maxmemory is set/);
    const before = await redis.cli('DBSIZE');
    await redis.cli('CONFIG', 'SET', 'maxmemory', '100mb');
    for (const refused of [await worker(), await set(1)]) {
      expect(refused.code).toBe(4);
      expect(refused.stderr + refused.stdout).toMatch(/allkeys-lru.*queued writes too/);
      expect(refused.stderr + refused.stdout).toContain('CONFIG SET maxmemory-policy volatile-lru');
    }
    expect(await redis.cli('DBSIZE')).toBe(before);
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru');
    expect((await worker()).code).toBe(0);
    await redis.cli('CONFIG', 'SET', 'maxmemory', '0');
  });

  test('where CONFIG is forbidden, memory says what it cannot see and fsync refuses', async () => {
    await redis.cli('ACL', 'SETUSER', 'service', 'on', '>secret', '~*', '&*', '+@all', '-config');
    const password = { METRIFY_REDIS_PASSWORD: 'secret' };
    await configure('memory', [redis.url], 'service');
    const working = await worker(password);
    expect(working.code, working.stderr).toBe(0);
    expect(working.json().warnings.join()).toContain('forbids CONFIG');
    await configure('fsync', [redis.url], 'service');
    const refused = await worker(password);
    expect(refused.code).toBe(4);
    expect(refused.stderr + refused.stdout).toMatch(/CONFIG is forbidden/);
    expect(refused.stderr + refused.stdout).toContain('+config|get');
    expect(refused.stderr + refused.stdout).not.toContain('secret');
  });

  test('fsync needs a server that fsyncs always', async () => {
    await configure('fsync', [redis.url]);
    const refused = async (settings: string) => {
      for (const run of [await worker(), await set(2)]) {
        expect(run.code).toBe(4);
        expect(run.stderr + run.stdout).toContain(`does not fsync every write: ${settings}`);
      }
    };
    await refused('appendonly no, appendfsync everysec');
    await redis.cli('CONFIG', 'SET', 'appendonly', 'yes');
    await refused('appendonly yes, appendfsync everysec');
    await redis.cli('CONFIG', 'SET', 'appendfsync', 'always');
    expect((await set(2)).code).toBe(0);
    expect((await worker()).code).toBe(0);
    expect(await database.sql('SELECT id FROM meters')).toEqual([{ id: 2 }]);
  });

  test('in a cluster every master must fsync', async () => {
    const cluster = await startRedisCluster({
      replicas: 0,
      args: ['--appendonly', 'yes', '--appendfsync', 'always'],
    });
    try {
      await configure('fsync', cluster.urls);
      for (let id = 10; id < 20; id++) expect((await set(id)).code).toBe(0);
      const drained = await worker();
      expect(drained.code, drained.stderr).toBe(0);
      expect(drained.json().result).toMatchObject({ applied: 10 });
      const [, , last] = cluster.nodes;
      await last!.server.cli('CONFIG', 'SET', 'appendfsync', 'everysec');
      const refused = await worker();
      expect(refused.code).toBe(4);
      expect(refused.stderr + refused.stdout).toMatch(
        new RegExp(`:${last!.port} does not fsync every write: appendonly yes, appendfsync everysec`),
      );
    } finally {
      await cluster.stop();
    }
  });
});
