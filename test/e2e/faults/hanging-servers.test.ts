import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { startMemcached } from '../../servers/memcached.js';
import { needs } from '../../servers/needs.js';
import { ask, until } from '../../servers/ports.js';
import { freeze } from '../../servers/process.js';
import { startRedis } from '../../servers/redis.js';
import { ownDatabase } from '../../servers/shared.js';
import { type Running, startMetrify } from '../run.js';

/** Waiting for a server that hangs would take longer than a test may. */
const PATIENT = { METRIFY_REQUEST_TIMEOUT: '10m', METRIFY_CONNECT_TIMEOUT: '10m' };
/** The grace is 5 s. */
const BOUND_MS = 50_000;
const STOPS = [
  { signal: 'SIGTERM', code: 143 },
  { signal: 'SIGHUP', code: 129 },
  { signal: 'timeout', code: 124 },
] as const;

interface Hanging {
  pause(): void | Promise<void>;
  stop(): Promise<void>;
}

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-hanging-'));
  file = join(folder, 'rows.csv');
  writeFileSync(file, `id\n${Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join('')}`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Stop = (typeof STOPS)[number] & { readonly seconds: number };

/** Its time ran out before it was under way. */
class EndedEarly extends Error {}

/** Gives a command that ends by --timeout more time on a machine on which it needs that to begin. */
const patiently = (work: (stop: Stop) => Promise<void>) => async (stop: (typeof STOPS)[number]) => {
  for (let seconds = 4; ; seconds *= 4)
    try {
      return await work({ ...stop, seconds });
    } catch (error) {
      if (!(error instanceof EndedEarly) || seconds > 100) throw error;
    }
};

/** What it says when its server stands still in the middle of the work, and it is told to stop. */
async function stopped(
  { signal, code, seconds }: Stop,
  server: Hanging,
  start: (...flags: string[]) => Promise<Running>,
  isUnderWay: () => Promise<boolean>,
) {
  try {
    const running = await start('--json', ...(signal === 'timeout' ? ['--timeout', `${seconds}s`] : []));
    const { child } = running;
    await until('it is under way', async () => child.exitCode !== null || (await isUnderWay()));
    await server.pause();
    if (signal === 'timeout' && child.exitCode !== null)
      throw new EndedEarly((await running.finished).stderr);
    const hung = performance.now();
    if (signal !== 'timeout') running.signal(signal);
    const { stderr, json, ...finished } = await running.finished;
    expect(finished.code, stderr).toBe(code);
    expect(performance.now() - hung).toBeLessThan(BOUND_MS);
    expect(json()).toMatchObject({ verdict: 'interrupted', exitCode: code });
    const { error } = JSON.parse(stderr) as { error: { code: string; hint: string } };
    expect(error).toMatchObject({ code: signal === 'timeout' ? 'TIMEOUT' : 'INTERRUPTED' });
    expect(error.hint).toMatch(/same command again|next worker/);
    return json().result as Record<string, number>;
  } finally {
    await server.stop();
  }
}

const warm =
  (level: string, env: Record<string, string>) =>
  (...flags: string[]) =>
    startMetrify(
      ['cache', 'warm', '--file', file, '--key', 'h:{id}', '--to', level, '--rate', '2000', ...flags],
      { env: { ...env, ...PATIENT } },
    );

needs('redis')('a command whose Redis hangs', () => {
  it.concurrent.each(STOPS)(
    'and that is a warm, ends with $code',
    patiently(async (stop) => {
      const redis = await startRedis();
      const keys = async () => Number(await redis.cli('DBSIZE'));
      const start = warm('redis', { METRIFY_REDIS_URL: redis.url });
      const { read, written } = await stopped(stop, redis, start, async () => (await keys()) > 100);
      expect(written).toBeGreaterThan(0);
      expect(written).toBeLessThanOrEqual(read!);
    }),
  );

  it.concurrent.each(STOPS)(
    'and that is a flush, ends with $code',
    patiently(async (stop) => {
      const redis = await startRedis();
      await redis.cli('EVAL', "for i = 1, 50000 do redis.call('SET', 'h:' .. i, i) end", '0');
      const keys = async () => Number(await redis.cli('DBSIZE'));
      const target = ['--confirm', `default/redis@127.0.0.1:${redis.port}`];
      const argv = ['cache', 'flush', '--pattern', 'h:*', '--rate', '2000', ...target];
      const env = { METRIFY_REDIS_URL: redis.url, ...PATIENT };
      const start = (...flags: string[]) => startMetrify([...argv, ...flags], { env });
      const { deleted } = await stopped(stop, redis, start, async () => (await keys()) < 49_900);
      expect(deleted).toBeGreaterThan(0);
    }),
  );
});

needs('redis', 'postgres')('a worker whose Redis hangs', () => {
  it.concurrent.each(STOPS)(
    'ends with $code',
    patiently(async (stop) => {
      const [redis, database] = await Promise.all([startRedis(), ownDatabase()]);
      const config = join(folder, `worker-${stop.code}.yaml`);
      const writeBehind = '{ tables: { readings: { key: [id] } }, durability: memory }';
      writeFileSync(config, `environments: { default: { cache: { writeBehind: ${writeBehind} } } }`);
      const env = { METRIFY_REDIS_URL: redis.url, METRIFY_POSTGRES_URL: database.url, ...PATIENT };
      const start = (...flags: string[]) =>
        startMetrify(['cache', 'worker', '-c', config, ...flags], { env });
      await stopped(stop, redis, start, async () => (await redis.cli('KEYS', '*lease*')) !== '');
    }),
  );
});

needs('memcached')('a warm whose memcached hangs', () => {
  it.concurrent.each(STOPS)(
    'ends with $code',
    patiently(async (stop) => {
      const memcached = await startMemcached();
      const start = warm('memcached', { METRIFY_MEMCACHED_SERVERS: memcached.server });
      const items = async () =>
        Number(/curr_items (\d+)/.exec(await ask(memcached.port, 'stats\r\n'))?.[1] ?? 0);
      const { written } = await stopped(stop, memcached, start, async () => (await items()) > 100);
      expect(written).toBeGreaterThan(0);
    }),
  );
});

needs('postgres')('a warm whose PostgreSQL hangs', () => {
  it.concurrent.each(STOPS)(
    'ends with $code',
    patiently(async (stop) => {
      const database = await ownDatabase();
      const frozen: number[] = [];
      // The server that serves this one connection: to the others it answers.
      const server: Hanging = {
        async pause() {
          const found = await database.sql(
            `SELECT pid FROM pg_stat_activity WHERE application_name = 'metrify' AND datname = current_database()`,
          );
          frozen.push(...found.map(({ pid }) => Number(pid)));
          frozen.forEach(freeze);
        },
        stop: async () => frozen.forEach((pid) => process.kill(pid, 'SIGCONT')),
      };
      const start = warm('database', { METRIFY_POSTGRES_URL: database.url });
      const rows = async () => {
        const [table] = await database.sql(`SELECT to_regclass('metrify_cache') IS NOT NULL AS there`);
        if (table!.there !== true) return false;
        return Number((await database.sql('SELECT count(*) AS rows FROM metrify_cache'))[0]!.rows) > 100;
      };
      const { written } = await stopped(stop, server, start, rows);
      expect(written).toBeGreaterThan(0);
    }),
  );
});
