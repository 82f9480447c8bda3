import { setTimeout as delay } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import { replayable } from '../../random.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory } from '../../servers/process.js';
import { startRedis, type RedisServer } from '../../servers/redis.js';
import { Probe } from '../cache/redis-probe.js';
import { confirming } from '../confirm-name.js';
import { metrify, startMetrify } from '../run.js';

const keys = 40_000;
const { seed, random } = replayable('flushes in trouble');

needs('redis')('a flush of many keys', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  async function filled(...args: string[]): Promise<RedisServer> {
    const redis = await startRedis({ args });
    stops.push(() => redis.stop());
    await redis.cli(
      'EVAL',
      `for i=1,${keys} do redis.call('SET','k:'..i,'x') end redis.call('SET','stays','x')`,
      '0',
    );
    return redis;
  }
  const command = (redis: RedisServer, ...more: string[]) => [
    ...['cache', 'flush', '--pattern', 'k:*', '--redis-url', redis.url],
    ...confirming('redis', redis.url),
    ...more,
  ];
  const flush = (redis: RedisServer, ...more: string[]) =>
    startMetrify(command(redis, '--json', ...more), {
      env: { METRIFY_REQUEST_TIMEOUT: '20s', METRIFY_CONNECT_TIMEOUT: '10s' },
    });
  const size = (redis: RedisServer) =>
    Probe.with(redis.port, 0, (probe) => probe.ask('DBSIZE')) as Promise<number>;
  /** Until that share of the keys is gone. */
  const gone = (redis: RedisServer, share: number) =>
    until('some keys are gone', async () => (await size(redis)) < keys * (1 - share), { everyMs: 1 });

  test.each([[[]], [['--rate', '60000']]])(
    'continues when its connections are cut, again and again, and counts every key once (%s)',
    async (more) => {
      const redis = await filled();
      const running = await flush(redis, ...more);
      await gone(redis, 0);
      let over = false;
      void running.finished.then(() => (over = true));
      for (let cut = 0; cut < 6 && !over; cut++) {
        await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await delay(random() * 60);
      }
      const finished = await running.finished;
      expect(finished.code, `METRIFY_TEST_SEED=${seed}\n${finished.stderr}`).toBe(0);
      expect(finished.json().result, `METRIFY_TEST_SEED=${seed}`).toMatchObject({ deleted: keys });
      expect(await size(redis)).toBe(1);
    },
  );

  test('continues when the server is killed and comes back', async () => {
    const redis = await filled('--appendonly', 'yes', '--appendfsync', 'no');
    const running = await flush(redis, '--rate', '30000');
    await gone(redis, random() * 0.7);
    await redis.kill();
    await redis.restart();
    const finished = await running.finished;
    expect(finished.code, `METRIFY_TEST_SEED=${seed}\n${finished.stderr}`).toBe(0);
    expect(finished.json().result.deleted).toBe(keys);
    expect(await size(redis)).toBe(1);
  });

  test('whose server stays away ends with exit 5, the counts so far, metrics and no lock left', async () => {
    const folder = await temporaryDirectory('flush');
    stops.push(() => folder.remove());
    const redis = await filled('--appendonly', 'yes', '--appendfsync', 'no');
    const metrics = join(folder.path, 'flush.prom');
    const lock = `flush-${process.pid}`;
    const args = ['--rate', '20000', '--metrics-file', metrics, '--lock', lock];
    const running = await startMetrify(command(redis, '--json', ...args), {
      env: { METRIFY_REQUEST_TIMEOUT: '4s', METRIFY_CONNECT_TIMEOUT: '4s' },
    });
    await gone(redis, 0.1);
    await redis.kill();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(5);
    const { result } = finished.json();
    expect(result.deleted).toBeGreaterThan(keys * 0.09);
    expect(JSON.parse(finished.stderr.trim().split('\n').at(-1)!)).toMatchObject({
      error: { hint: expect.stringContaining('Run the same command again') },
    });
    expect(readFileSync(metrics, 'utf8')).toContain('metrify_run_success{command="cache.flush"');
    await redis.restart();
    expect(await size(redis)).toBe(keys + 1 - result.deleted);
    const again = await metrify(command(redis, '--lock', lock));
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).not.toContain('lock');
    expect(await size(redis)).toBe(1);
  });
});
