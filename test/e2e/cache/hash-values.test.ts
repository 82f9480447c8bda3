import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { startRedis, type RedisServer } from '../../servers/redis.js';
import { ownRedis, ownRedisCluster } from '../../servers/shared.js';
import { metrify } from '../run.js';
import { dumpCluster, Probe } from './redis-probe.js';

needs('redis')('cache warm --value hash', () => {
  let folder: TemporaryDirectory;
  const stops: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    folder = await temporaryDirectory('hashes');
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  afterAll(() => folder.remove());

  async function privateRedis(...args: string[]): Promise<RedisServer> {
    const redis = await startRedis({ args });
    stops.push(() => redis.stop());
    return redis;
  }
  async function file(name: string, rows: readonly object[]): Promise<string> {
    const path = join(folder.path, name);
    await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return path;
  }
  /** A row of that many fields, its id among them. */
  const wide = (id: string, fields: number) => ({
    id,
    ...Object.fromEntries(Array.from({ length: fields - 1 }, (_, i) => [`c${i}`, `value ${i}`])),
  });
  const warm = (path: string, url: string, ...more: string[]) =>
    metrify([
      'cache',
      'warm',
      '--file',
      path,
      '--key',
      '{id}',
      '--value',
      'hash',
      '--redis-url',
      url,
      '--json',
      ...more,
    ]);

  // Lua passes about 8,000 arguments to a command; 4,000 of them go at once.
  test.each([1, 1999, 2000, 2001, 3999, 4000, 4001, 20_000])(
    'a row of %i fields replaces the old value as a whole',
    async (fields) => {
      const redis = await ownRedis();
      const row = wide('w:1', fields);
      await Probe.with(redis.port, redis.database, (probe) =>
        probe.ask('HSET', 'w:1', 'precious', 'yes', 'id', 'old'),
      );
      const finished = await warm(await file('wide.jsonl', [row]), redis.url, '--ttl', '1h');
      expect(finished.code, finished.stdout).toBe(0);
      const held = await Probe.with(redis.port, redis.database, (probe) => probe.dump());
      expect([...held.keys()]).toEqual(['w:1']);
      expect(held.get('w:1')!.value).toEqual(row);
      expect(held.get('w:1')!.ttlMs).toBeGreaterThan(3_000_000);
    },
  );

  test('in a cluster, whatever braces are in the key', async () => {
    const { urls, prefix } = await ownRedisCluster();
    const names = ['plain', '{tag}x', 'x{tag}', 'a}b', 'a{b', '{}c', '}{', 'a{}{b}', '{a}{b}', 'ä{ö}', '{x'];
    const rows = names.map((name, i) => ({ ...wide(`${prefix}${name}`, 2500), n: String(i) }));
    const finished = await warm(await file('cluster.jsonl', rows), urls.join(','));
    expect(finished.code, finished.stdout).toBe(0);
    const held = await dumpCluster(Number(new URL(urls[0]!).port), `*${prefix}*`);
    expect(held.size).toBe(rows.length);
    for (const row of rows) {
      const key = Buffer.from(row.id, 'utf8').toString('latin1');
      expect(held.get(key)?.value, row.id).toEqual({ ...row, id: key });
    }
    expect((await dumpCluster(Number(new URL(urls[0]!).port), 'metrify:new:*')).size).toBe(0);
  });

  test('a full server refuses it like any other write: nothing goes past maxmemory, every old value stays', async () => {
    const limit = 6 << 20;
    const redis = await privateRedis('--maxmemory-policy', 'noeviction');
    const rows = Array.from({ length: 20_000 }, (_, i) => ({
      id: `h:${i}`,
      v: 'a'.repeat(200),
      w: 'b'.repeat(200),
    }));
    const path = await file('full.jsonl', rows);
    await Probe.with(redis.port, 0, (probe) => probe.askAll(rows.map(({ id }) => ['HSET', id, 'old', id])));
    await redis.cli('CONFIG', 'SET', 'maxmemory', String(limit));
    const finished = await warm(path, redis.url);
    expect(finished.code, finished.stderr).toBe(6);
    const { result } = finished.json();
    expect(result.failed).toBeGreaterThan(0);
    expect(result.written + result.failed).toBe(rows.length);
    expect(result.failures[0].reason).toMatch(/^OOM /);
    const held = await Probe.with(redis.port, 0, (probe) => probe.dump());
    expect(held.size).toBe(rows.length);
    let written = 0;
    for (const row of rows) {
      const { value } = held.get(row.id)!;
      if ('old' in (value as object)) expect(value).toEqual({ old: row.id });
      else {
        expect(value).toEqual(row);
        written++;
      }
    }
    expect(written).toBe(result.written);
    const used = Number(/used_memory:(\d+)/.exec(await redis.cli('INFO', 'memory'))![1]);
    // What one batch of commands takes while it is read counts too.
    expect(used).toBeLessThan(Math.max(limit, 20_000 * 400) + (2 << 20));
  });

  test.each(['hset', 'pexpire', 'rename'])(
    'without the right to %s the old value stays, and nothing is left over',
    async (command) => {
      const redis = await privateRedis();
      await redis.cli('SET', 'w:1', 'old');
      await redis.cli('ACL', 'SETUSER', 'writer', 'on', '>pw', '~w:*', '+@all', `-${command}`);
      const path = await file('refused.jsonl', [wide('w:1', 10)]);
      const env = { METRIFY_REDIS_URL: `redis://writer:pw@127.0.0.1:${redis.port}` };
      const args = [
        'cache',
        'warm',
        '--file',
        path,
        '--key',
        '{id}',
        '--value',
        'hash',
        '--ttl',
        '1h',
        '--json',
      ];
      const finished = await metrify(args, { env });
      expect(finished.code).toBe(6);
      expect(finished.json().result.failures[0].reason).toMatch(
        new RegExp(`can't run this command.*\\(${command}\\)`, 'i'),
      );
      expect(await redis.cli('GET', 'w:1')).toBe('old');
      expect(await redis.cli('DBSIZE')).toBe('1');
    },
  );

  test('a user who may touch its own keys only may write hashes to them', async () => {
    const redis = await privateRedis();
    await redis.cli('ACL', 'SETUSER', 'writer', 'on', '>pw', '~w:*', '+@all');
    const path = await file('own.jsonl', [wide('w:1', 10)]);
    const env = { METRIFY_REDIS_URL: `redis://writer:pw@127.0.0.1:${redis.port}` };
    const args = ['cache', 'warm', '--file', path, '--key', '{id}', '--value', 'hash', '--json'];
    const finished = await metrify(args, { env });
    expect(finished.code, finished.stdout).toBe(0);
    expect(await redis.cli('HLEN', 'w:1')).toBe('10');
  });

  test('with --nx a key that exists stays, of whatever type', async () => {
    const redis = await ownRedis();
    await Probe.with(redis.port, redis.database, async (probe) => {
      await probe.ask('SET', 'w:1', 'a string');
      await probe.ask('RPUSH', 'w:2', 'a', 'list');
    });
    const path = await file('nx.jsonl', [wide('w:1', 3), wide('w:2', 3), wide('w:3', 5000)]);
    const finished = await warm(path, redis.url, '--nx');
    expect(finished.json().result).toMatchObject({ written: 1, skipped: 2, failed: 0 });
    await Probe.with(redis.port, redis.database, async (probe) => {
      expect(await probe.ask('GET', 'w:1')).toBe('a string');
      expect(await probe.ask('TYPE', 'w:2')).toBe('list');
      expect(await probe.ask('HLEN', 'w:3')).toBe(5000);
    });
  });
});
