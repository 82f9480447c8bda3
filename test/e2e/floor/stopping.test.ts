import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { redisCli, type RedisServer, startRedis } from '../../servers/redis.js';
import { type OwnRedis, ownRedis } from '../../servers/shared.js';
import { metrify, type Running, startMetrify } from '../run.js';

const ROWS = 2000;

needs('redis')('a command that is stopped', () => {
  let redis: OwnRedis;
  let folder: string;
  let env: Record<string, string>;
  const cli = (...args: string[]) => redisCli(redis.port, ['-n', String(redis.database), ...args]);
  const warm = ['cache', 'warm', '--file', 'rows.csv', '--key', 'stop:{id}'];

  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
    folder = await mkdtemp(join(tmpdir(), 'metrify-stop-'));
    await writeFile(
      join(folder, 'rows.csv'),
      `id\n${Array.from({ length: ROWS }, (_, i) => `${i}\n`).join('')}`,
    );
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  afterEach(async () => void (await cli('FLUSHDB')));

  async function inTheMiddle(...flags: string[]): Promise<Running> {
    const running = await startMetrify([...warm, '--rate', '200', ...flags], { env, cwd: folder });
    await until('keys are written', async () => Number(await cli('DBSIZE')) > 50);
    return running;
  }

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s says what was done and how to continue', async (signal, code) => {
    const running = await inTheMiddle('--json', '--resume', `${signal}.json`);
    running.signal(signal);
    const { stderr, json, ...finished } = await running.finished;
    expect(finished.code, stderr).toBe(code);
    const envelope = json();
    expect(envelope).toMatchObject({ command: 'cache.warm', verdict: 'interrupted', exitCode: code });
    expect(envelope.result.written).toBe(Number(await cli('DBSIZE')));
    expect(envelope.result.written).toBeLessThan(ROWS);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'INTERRUPTED', hint: expect.stringMatching(/same command again/) },
    });
    const resumed = await metrify([...warm, '--rate', '500000', '--resume', `${signal}.json`, '--json'], {
      env,
      cwd: folder,
    });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(await cli('DBSIZE')).toBe(String(ROWS));
  });

  it('tells a person the same in words', async () => {
    const running = await inTheMiddle('--resume', 'words.json');
    running.signal('SIGINT');
    const { code, stderr, stdout } = await running.finished;
    expect(code).toBe(130);
    // What was done so far is a result like any other.
    expect(stdout).toMatch(/^redis +\d+ +0 +0 /m);
    expect(stderr).toContain('press Ctrl-C again to leave at once');
    expect(stderr).toMatch(/error: stopped by SIGINT/);
    expect(stderr).toContain('words.json');
  });

  it('by --timeout ends with 124 and the result so far', async () => {
    const started = performance.now();
    // Without the time-out it would take 100 s.
    const { code, json, stderr } = await metrify([...warm, '--rate', '20', '--timeout', '6s', '--json'], {
      env,
      cwd: folder,
    });
    const tookMs = performance.now() - started;
    expect(code, stderr).toBe(124);
    expect(tookMs).toBeGreaterThan(6000);
    expect(tookMs).toBeLessThan(60_000);
    expect(json()).toMatchObject({ verdict: 'interrupted', exitCode: 124 });
    expect(json().result.written).toBe(Number(await cli('DBSIZE')));
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'TIMEOUT' } });
  });

  it('--timeout that is not reached changes nothing', async () => {
    const { code } = await metrify(['config', 'show', '--timeout', '30s']);
    expect(code).toBe(0);
  });
});

needs('redis')('a command whose server hangs', () => {
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await startRedis();
  });
  afterEach(() => redis.stop());

  async function hanging(...flags: string[]): Promise<Running> {
    const argv = ['cache', 'warm', '--stdin', '--key', 'h:{id}', '--rate', '200', ...flags];
    // Waiting for it would take longer than the test may.
    const env = { METRIFY_REDIS_URL: redis.url, METRIFY_REQUEST_TIMEOUT: '10m' };
    const running = await startMetrify(argv, { env });
    running.child.stdin.write(Array.from({ length: 5000 }, (_, i) => `{"id":${i}}\n`).join(''));
    await until('keys are written', async () => Number(await redis.cli('DBSIZE')) > 20);
    redis.pause();
    return running;
  }

  it('leaves at once on the second Ctrl-C', async () => {
    const running = await hanging();
    running.signal('SIGINT');
    await until('the first is heard', () => running.stderr().includes('again'));
    // Tidying up takes 5 s.
    const second = performance.now();
    running.signal('SIGINT');
    const { code, stdout, stderr } = await running.finished;
    expect(code).toBe(130);
    expect(performance.now() - second).toBeLessThan(5000);
    expect(stdout).toMatch(/^redis +\d+ +0 +0 /m);
    expect(stderr).toContain('Run the same command again');
  });

  it('that had changed nothing says so, and what can be done about the time', async () => {
    redis.pause();
    const env = { METRIFY_REDIS_URL: redis.url, METRIFY_CONNECT_TIMEOUT: '10m' };
    const { code, stderr } = await metrify(['cache', 'set', 'k', 'v', '--timeout', '3s'], { env });
    expect(code).toBe(124);
    expect(stderr).toContain('--timeout ran out');
    expect(stderr).toContain('Nothing was changed.');
    expect(stderr).toContain('Give it longer with --timeout');
  });

  it('is tidied up for at most 10 s after --timeout', async () => {
    const running = await hanging('--timeout', '8s');
    const hung = performance.now();
    const { code } = await running.finished;
    expect(code).toBe(124);
    expect(performance.now() - hung).toBeLessThan(60_000);
  });
});
