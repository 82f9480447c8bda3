import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { startMemcached } from '../../servers/memcached.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { startRedis, type RedisOptions, type RedisServer } from '../../servers/redis.js';
import { Probe } from '../cache/redis-probe.js';
import { metrify, startMetrify } from '../run.js';

const rows = 30_000;
let folder: TemporaryDirectory;
let file: string;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  folder = await temporaryDirectory('faults');
  file = join(folder.path, 'meters.csv');
  const lines = Array.from({ length: rows }, (_, i) => `${i + 1},${'x'.repeat(40)}${i + 1}`);
  await writeFile(file, `id,name\n${lines.join('\n')}\n`);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => folder.remove());

async function server(options: RedisOptions = {}): Promise<RedisServer> {
  const redis = await startRedis(options);
  stops.push(() => redis.stop());
  return redis;
}

/**
 * What was answered survives SIGKILL: it is handed to the system before. With `everysec` that waits for up to two seconds while the
 * disk is slow, and what was answered meanwhile is lost.
 */
const appendOnly = ['--appendonly', 'yes', '--appendfsync', 'no'];

const warm = (redis: RedisServer, ...more: string[]) => [
  ...['cache', 'warm', '--file', file, '--key', 'm:{id}', '--value', 'column:name', '--redis-url', redis.url],
  ...['--json', ...more],
];
const size = (redis: RedisServer) =>
  Probe.with(redis.port, 0, (probe) => probe.ask('DBSIZE')) as Promise<number>;
const expectedValue = (key: string) => `${'x'.repeat(40)}${key.slice(2)}`;

needs('redis')('a Redis that is killed in the middle of a warm', () => {
  test('and comes back empty: what it had lost is missing, exit 3, and a warning', async () => {
    const redis = await server();
    const running = await startMetrify(warm(redis, '--rate', '5000'));
    await until('a third is written', async () => (await size(redis)) > rows / 3);
    await redis.kill();
    await redis.restart();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(3);
    const { result, warnings, verdict } = finished.json();
    expect(verdict).toBe('failed');
    expect(result).toMatchObject({ read: rows, written: rows, failed: 0, restarts: 1 });
    expect(warnings.join()).toContain('restarted');
    const held = await size(redis);
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(rows * 0.67);
    // A sample says about how much is gone.
    const { checked, missing, mismatched } = result.verified;
    expect(mismatched).toBe(0);
    expect(Math.abs(missing / checked - (1 - held / rows))).toBeLessThan(0.06);
  });

  test.each([['string'], ['hash']])(
    'and comes back with its append-only file: everything is there (%s)',
    async (value) => {
      const redis = await server({ args: appendOnly });
      const args = warm(redis, '--rate', '5000', '--ttl', '1h');
      if (value === 'hash') args.splice(args.indexOf('column:name'), 1, 'hash');
      const running = await startMetrify(args);
      for (const share of [0.2, 0.6]) {
        await until(`${share} is written`, async () => (await size(redis)) > rows * share);
        await redis.kill();
        await redis.restart();
      }
      const finished = await running.finished;
      expect(finished.code, finished.stderr).toBe(0);
      const { result, warnings } = finished.json();
      expect(result).toMatchObject({ read: rows, written: rows, failed: 0, skipped: 0, restarts: 2 });
      expect(result.verified).toMatchObject({ mismatched: 0, missing: 0 });
      expect(warnings.join()).toContain('restarted');
      const held = await Probe.with(redis.port, 0, (probe) => probe.dump());
      expect(held.size).toBe(rows);
      for (const [key, { value: found, ttlMs }] of held) {
        if (typeof found === 'string') expect(found).toBe(expectedValue(key));
        else expect(found).toEqual({ id: key.slice(2), name: expectedValue(key) });
        expect(ttlMs).toBeGreaterThan(3_500_000);
      }
    },
  );

  test('under --nx, what was sent and whose answer got lost counts once', async () => {
    const redis = await server({ args: appendOnly });
    const running = await startMetrify(warm(redis, '--nx'));
    await until('a part is written', async () => (await size(redis)) > 2000, { everyMs: 2 });
    await redis.kill();
    await redis.restart();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(0);
    const { result } = finished.json();
    expect(result.written + result.skipped).toBe(rows);
    expect(await size(redis)).toBe(rows);
  });

  test.each([[[]], [['--resume', 'gone.ckpt']]])(
    'and stays away: exit 5 within the time-out, the partial result, and how to continue (%s)',
    async (more) => {
      const redis = await server();
      const options = {
        env: { METRIFY_REQUEST_TIMEOUT: '4s', METRIFY_CONNECT_TIMEOUT: '4s' },
        cwd: folder.path,
      };
      const running = await startMetrify(warm(redis, '--rate', '5000', ...more), options);
      await until('a part is written', async () => (await size(redis)) > rows / 2);
      await redis.kill();
      const killed = performance.now();
      const finished = await running.finished;
      expect(performance.now() - killed).toBeLessThan(40_000);
      expect(finished.code, finished.stderr).toBe(5);
      expect(finished.json()).toMatchObject({ verdict: 'error', exitCode: 5 });
      expect(finished.json().result.written).toBeGreaterThan(rows / 3);
      const { error } = JSON.parse(finished.stderr.trim().split('\n').at(-1)!);
      expect(error.message).toContain(`127.0.0.1:${redis.port}`);
      expect(error.hint).toMatch(
        more.length > 0 ? /run the same command again.*gone\.ckpt/ : /Run the same command again/,
      );
      if (more.length === 0) return;
      await redis.restart();
      const again = await metrify(warm(redis, ...more), options);
      expect(again.code, again.stderr).toBe(0);
      expect(again.json().result).toMatchObject({ read: rows, written: rows });
      expect(again.json().result.resumedAt).toBe(rows - (await size(redis)));
    },
  );

  test('that hangs: exit 5 within the time-out', async () => {
    const redis = await server();
    const options = { env: { METRIFY_REQUEST_TIMEOUT: '4s', METRIFY_CONNECT_TIMEOUT: '4s' } };
    const running = await startMetrify(warm(redis, '--rate', '5000'), options);
    await until('a part is written', async () => (await size(redis)) > 3000);
    redis.pause();
    const paused = performance.now();
    const finished = await running.finished;
    redis.resume();
    expect(finished.code, finished.stderr).toBe(5);
    expect(finished.stderr).toMatch(/(did not answer|stayed away) for 4s/);
    expect(performance.now() - paused).toBeLessThan(40_000);
  });
});

needs('redis')('a full Redis', () => {
  test('refuses: the failures are counted, kept and explained, exit 6', async () => {
    const redis = await server({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] });
    const deadLetter = join(folder.path, 'full.jsonl');
    const finished = await metrify(warm(redis, '--dead-letter', deadLetter, '--verify', 'all'));
    expect(finished.code, finished.stderr).toBe(6);
    const { result, verdict } = finished.json();
    expect(verdict).toBe('partial');
    const held = await Probe.with(redis.port, 0, (probe) => probe.dump());
    expect(result).toMatchObject({ read: rows, written: held.size, failed: rows - held.size, deadLetter });
    expect(result.failed).toBeGreaterThan(1000);
    expect(result.failures[0].reason).toMatch(/^OOM /);
    expect(result.verified).toEqual({ checked: held.size, mismatched: 0, missing: 0, examples: [] });
    const dead = readFileSync(deadLetter, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(new Set(dead.map(({ key }) => key)).size).toBe(result.failed);
    for (const { key, line, reason, level, row } of dead) {
      expect(held.has(key)).toBe(false);
      const id = key.slice(2);
      expect([line, level, JSON.parse(row)]).toEqual([
        Number(id) + 1,
        'redis',
        { id, name: expectedValue(key) },
      ]);
      expect(reason).toMatch(/^OOM /);
    }
  });

  test('that evicts: the sample finds keys missing, exit 3', async () => {
    const redis = await server({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-random'] });
    const finished = await metrify(warm(redis, '--verify', '2000'));
    expect(finished.code, finished.stderr).toBe(3);
    const { checked, mismatched, missing } = finished.json().result.verified;
    const held = await size(redis);
    expect([checked, mismatched]).toEqual([2000, 0]);
    expect(Math.abs(missing / 2000 - (1 - held / rows))).toBeLessThan(0.06);
  });
});

needs('redis')('two warms at once', () => {
  test('leave every key with the value of one of them', async () => {
    const redis = await server();
    const other = join(folder.path, 'other.csv');
    await writeFile(other, readFileSync(file, 'utf8').replaceAll('x', 'y').replace('id,name', 'id,name'));
    const both = await Promise.all([
      metrify(warm(redis, '--ttl', '1h')),
      metrify(warm(redis, '--ttl', '1h').map((arg) => (arg === file ? other : arg))),
    ]);
    for (const finished of both) {
      expect(finished.code, finished.stderr).toBe(0);
      expect(finished.json().result).toMatchObject({ written: rows });
    }
    const held = await Probe.with(redis.port, 0, (probe) => probe.dump());
    expect(held.size).toBe(rows);
    for (const [key, { value, ttlMs }] of held) {
      expect((value as string).replaceAll('y', 'x')).toBe(expectedValue(key));
      expect(ttlMs).toBeGreaterThan(3_500_000);
    }
  });
});

needs('redis', 'memcached')('a Memcached that is killed in the middle of a warm', () => {
  test('comes back empty: every row is settled once, what it had lost is missing', async () => {
    const memcached = await startMemcached();
    stops.push(() => memcached.stop());
    const args = ['cache', 'warm', '--file', file, '--key', 'm:{id}', '--to', 'memcached', '--json'];
    const running = await startMetrify([...args, '--memcached-servers', memcached.server, '--rate', '5000']);
    const items = async () => {
      const { ask } = await import('../../servers/ports.js');
      return Number(/STAT curr_items (\d+)/.exec(await ask(memcached.port, 'stats\r\n'))?.[1] ?? 0);
    };
    await until('a third is written', async () => (await items()) > rows / 3);
    await memcached.kill();
    await memcached.restart();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(3);
    const { result, warnings } = finished.json();
    expect(result).toMatchObject({ read: rows, written: rows, failed: 0, restarts: 1 });
    expect(result.verified.missing).toBeGreaterThan(0);
    expect(result.verified.mismatched).toBe(0);
    expect(warnings.join()).toContain('restarted');
    expect(await items()).toBeLessThan(rows * 0.67);
  });
});
