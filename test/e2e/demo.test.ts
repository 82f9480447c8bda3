import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { DemoReport } from '../../src/commands/demo.js';
import { openRedis, type RedisClient } from '../../src/lib/clients/redis/client.js';
import { findBinaries } from '../../src/lib/demo/native.js';
import { Premises } from '../../src/lib/demo/premises.js';
import { findRedisServer, startRedis } from '../../src/lib/demo/redis.js';
import type { WriteBehindCounts } from '../../src/lib/demo/queue-steps.js';
import { type Envelope, metrify, startMetrify } from './run.js';
import { toBytes } from '../../src/lib/core/bytes.js';

const binaries = await findBinaries();
const redisServer = await findRedisServer(process.env);

let folder: string;
/** All that the demo makes is in here, and all processes it starts carry its name in their environment. */
let temporary: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metrify-demo-test-'));
  temporary = join(folder, 'tmp');
  await mkdir(temporary);
  // As root, PostgreSQL runs as another user, who has to get through.
  await chmod(folder, 0o711);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Processes started by the demo, zombies excepted: `pid command line`. */
function processesLeft(): string[] {
  if (!existsSync('/proc/self/environ')) return [];
  const left: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      if (!environment.includes(`TMPDIR=${temporary}`)) continue;
      left.push(`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')}`);
    } catch {
      // Gone meanwhile, or somebody else's.
    }
  }
  return left;
}

/** The passwords of its servers must not be seen by whoever lists the processes. */
function commandLines(): string[] {
  return processesLeft().map((line) => line.slice(line.indexOf(' ') + 1));
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function expectNothingLeft(): void {
  expect(processesLeft()).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
}

/** Every write once, whatever the killed worker left to the next one. */
function expectNothingLost({ writtenWhenKilled, ...counts }: WriteBehindCounts): void {
  expect(counts).toEqual({ acknowledged: 600, rows: 600, readings: 600, operations: 600 });
  expect(writtenWhenKilled).toBeGreaterThanOrEqual(200);
  expect(writtenWhenKilled).toBeLessThanOrEqual(600);
}

function expectWholeTour({ result }: Envelope, cache: 'redis' | 'database'): void {
  const demo = result as DemoReport;
  expect(demo.cache.type).toBe(cache);
  expect(demo.readings).toBe(20_000);
  const { title } = demo.steps.find(({ exitCode }) => exitCode !== 0)!;
  expect(title).toBe('reject a bad one');
  expect(demo.steps.map(({ exitCode }) => exitCode).filter((code) => code !== 0)).toEqual([3]);
  for (const { title, durationMs } of demo.steps)
    if (/good version|bad one/.test(title)) expect(durationMs).toBeLessThan(200_000);
  const commands = demo.steps.flatMap(({ command }) => command ?? []);
  expect(commands.map((command) => command.split(' ').slice(0, 3).join(' '))).toEqual([
    'metrify cache warm',
    'metrify cache warm',
    'metrify cache inspect',
    'metrify cache flush',
    'metrify cache flush',
    ...(cache === 'redis' ? ['metrify cache queue', 'metrify cache worker', 'metrify cache queue'] : []),
    'metrify export parquet',
    'metrify export verify',
    'metrify export read',
    'metrify canary start',
    'metrify canary start',
  ]);
  if (cache === 'redis') expectNothingLost(demo.writeBehind!);
  else expect(demo.writeBehind).toBeUndefined();
  const { cache: shown, queue, rollout, export: exported } = demo.groups;
  expect(exported).toEqual({ rows: 20_000, files: 3 });
  expect(shown).toEqual(demo.latency);
  expect(queue).toEqual(demo.writeBehind);
  expect(rollout!.map(({ canary, exitCode }) => [canary, exitCode])).toEqual([
    ['v2', 0],
    ['v3', 3],
  ]);
  for (const { stable, answered } of rollout!) expect(answered[stable]).toBeGreaterThan(0);
  const { cold, warm, ratio } = demo.latency;
  for (const endpoint of ['meterReadings', 'forecast'] as const) {
    expect(cold![endpoint].hits).toBe(0);
    expect(warm![endpoint].hits).toBe(warm![endpoint].requests);
    expect(warm![endpoint].requests).toBe(cold![endpoint].requests);
  }
  expect(ratio!.forecast).toBeGreaterThan(1);
  expect(demo.leftNothing.processes.length).toBeGreaterThan(3);
  expect(demo.leftNothing.processes.filter(alive)).toEqual([]);
  expect(existsSync(demo.leftNothing.folder)).toBe(false);
  expectNothingLeft();
}

describe.skipIf(!binaries)('metrify demo', () => {
  it.skipIf(!redisServer)('shows a warm Redis beat a cold one, and leaves nothing', async () => {
    const { code, json, stderr } = await metrify(['demo', '--quick', '--json'], {
      env: { TMPDIR: temporary },
    });
    expect(code, stderr).toBe(0);
    expectWholeTour(json(), 'redis');
    expect(stderr).toMatch(
      /\$ metrify cache flush --pattern 'forecast:\*' --level redis --confirm demo\/redis@127\.0\.0\.1:\d+\n/,
    );
  });

  it('keeps its cache in PostgreSQL where there is no Redis', async () => {
    const programs = join(folder, 'bin');
    await mkdir(programs);
    for (const name of ['sh', 'id', 'sleep', 'rm', 'grep', 'locale'])
      for (const place of ['/bin', '/usr/bin'])
        if (existsSync(join(place, name)))
          await symlink(join(place, name), join(programs, name)).catch(() => {});
    const { code, json, stderr } = await metrify(['demo', '--quick', '--json'], {
      env: { TMPDIR: temporary, PATH: programs },
    });
    expect(code, stderr).toBe(0);
    const envelope = json();
    expectWholeTour(envelope, 'database');
    expect((envelope.result as DemoReport).cache.why).toContain('no redis-server');
    expect(envelope).not.toHaveProperty('result.writeBehind');
    expect(stderr.match(/.*write-behind.*/g)).toEqual([expect.stringMatching(/is left out: .* in Redis/)]);
  });

  it('tells a person what it does, with the latency table', async () => {
    const { code, stdout, stderr } = await metrify(['demo', '--quick'], { env: { TMPDIR: temporary } });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/20,000 readings of 20 meters/);
    expect(stdout).toMatch(/^\$ metrify cache warm --sql @latest\.sql --key 'meter:\{meter_id\}:latest'/m);
    expect(stdout).toMatch(/analytics\/forecast +cold .*\n +warm .*\n +faster +\d+\.\d ×/);
    if (redisServer) {
      expect(stdout).toMatch(/got a SIGKILL; PostgreSQL has \d+ of 600 rows/);
      expect(stdout).toMatch(/^600 writes acknowledged = 600 rows = /m);
    }
    expectNothingLeft();
  });

  it.each([
    ['while it starts', /1\/\d+ {2}start/],
    ['while it measures', /measure the service while/],
    ['while a command runs', /\$ metrify cache warm/],
  ])('leaves nothing after a Ctrl-C %s', async (_, moment) => {
    const running = await startMetrify(['demo', '--quick'], { env: { TMPDIR: temporary } });
    running.child.stdin.end();
    await vi.waitFor(() => expect(running.stdout()).toMatch(moment), { timeout: 120_000, interval: 5 });
    const password = /:([^:@/]+)@/;
    expect(commandLines().filter((line) => password.test(line))).toEqual([]);
    running.signal('SIGINT');
    const { code, stderr } = await running.finished;
    expect(code, stderr).toBe(130);
    expectNothingLeft();
  });

  it.skipIf(!redisServer).each([
    ['while a worker runs', /\$ metrify cache worker --batch/],
    ['while the queue is drained', /\$ metrify cache worker --until-empty/],
  ])("leaves no key in somebody else's Redis after a Ctrl-C %s", async (_, moment) => {
    await withRedis(async (url, client) => {
      const env = { TMPDIR: temporary, METRIFY_REDIS_URL: url };
      const running = await startMetrify(['demo', '--quick'], { env });
      running.child.stdin.end();
      await vi.waitFor(() => expect(running.stdout()).toMatch(moment), { timeout: 120_000, interval: 5 });
      expect(await client.call(['EXISTS', toBytes('metrify:queue:config')])).toBe(1);
      running.signal('SIGINT');
      const { code, stderr } = await running.finished;
      expect(code, stderr).toBe(130);
      expect(await client.call(['KEYS', '*'])).toEqual([]);
    });
    expectNothingLeft();
  });

  it('leaves nothing after a SIGTERM, nor, a little later, after a SIGKILL', async () => {
    for (const [signal, expected] of [
      ['SIGTERM', 143],
      ['SIGKILL', null],
    ] as const) {
      const running = await startMetrify(['demo'], { env: { TMPDIR: temporary } });
      running.child.stdin.end();
      await vi.waitFor(() => expect(running.stdout()).toMatch(/load a small town/), { timeout: 120_000 });
      running.signal(signal);
      expect((await running.finished).code).toBe(expected);
      await vi.waitFor(expectNothingLeft, { timeout: signal === 'SIGKILL' ? 60_000 : 1 });
    }
  });

  it('fails and cleans up when PostgreSQL is killed under it', async () => {
    const running = await startMetrify(['demo'], { env: { TMPDIR: temporary } });
    running.child.stdin.end();
    await vi.waitFor(() => expect(running.stdout()).toMatch(/measure the service while/), {
      timeout: 120_000,
    });
    const postmaster = processesLeft().find((line) => / -D /.test(line) && line.includes('postgres'))!;
    process.kill(Number(postmaster.split(' ')[0]), 'SIGKILL');
    const { code, stderr } = await running.finished;
    expect(code).not.toBe(0);
    expect(stderr).toContain('error:');
    await vi.waitFor(expectNothingLeft, { timeout: 60_000 });
  });

  it.skipIf(!redisServer)('leaves a Redis alone that is not empty, and an empty one as it was', async () => {
    await withRedis(async (url, client) => {
      const env = { TMPDIR: temporary, METRIFY_REDIS_URL: url };

      const empty = await metrify(['demo', '--quick', '--json'], { env });
      expect(empty.code, empty.stderr).toBe(0);
      const demo = empty.json().result as DemoReport;
      expect(demo.cache.why).toContain('METRIFY_REDIS_URL');
      expectNothingLost(demo.writeBehind!);
      expect(await client.call(['KEYS', '*'])).toEqual([]);
      expect(empty.stdout + empty.stderr).not.toContain(new URL(url).password);

      await client.call(['SET', toBytes('forecast:precious'), toBytes('x')]);
      const full = await metrify(['demo', '--quick', '--json'], { env });
      expect(full.code, full.stderr).toBe(0);
      expect((full.json().result as DemoReport).cache.why).toContain(
        'is not empty (keys: 1) and is left alone',
      );
      expect(await client.call(['KEYS', '*'])).toEqual(['forecast:precious']);
    });
  });

  it.skipIf(!redisServer)('shows no write-behind where Redis could evict what is queued', async () => {
    await withRedis(async (url, client) => {
      await client.call(
        [
          'CONFIG',
          'SET',
          toBytes('maxmemory-policy'),
          toBytes('allkeys-lru'),
          toBytes('maxmemory'),
          toBytes('256mb'),
        ],
        toBytes(''),
      );
      const env = { TMPDIR: temporary, METRIFY_REDIS_URL: url };
      const { code, json, stderr } = await metrify(['demo', '--quick', '--json'], { env });
      expect(code, stderr).toBe(0);
      expect(json().result).not.toHaveProperty('writeBehind');
      expect(stderr).toMatch(/write-behind is left out: .* evicts any key/);
      expect(await client.call(['KEYS', '*'])).toEqual([]);
    });
  });
});

/** A Redis that is not the demo's. */
async function withRedis(use: (url: string, client: RedisClient) => Promise<void>): Promise<void> {
  const { signal } = new AbortController();
  const premises = await Premises.open(folder);
  try {
    const url = await startRedis(premises, redisServer!, process.env, signal);
    const timeouts = { connectTimeoutMs: 3000, requestTimeoutMs: 3000 };
    const client = await openRedis({ nodes: [url] }, timeouts, signal);
    await use(url, client);
    client.close();
  } finally {
    await premises.close();
  }
}
