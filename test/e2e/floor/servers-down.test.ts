import { createServer, type Server } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { freePort } from '../../servers/ports.js';
import { type RedisServer, startRedis } from '../../servers/redis.js';
import { ownDatabase, type OwnDatabase, ownMemcached, ownRedis } from '../../servers/shared.js';
import { confirming } from '../confirm-name.js';
import { type Finished, metrify } from '../run.js';

/** For servers that do not answer. */
const TIMEOUTS = { METRIFY_CONNECT_TIMEOUT: '400ms', METRIFY_REQUEST_TIMEOUT: '600ms' };
/** For servers that do. */
const PATIENCE = { METRIFY_CONNECT_TIMEOUT: '60s', METRIFY_REQUEST_TIMEOUT: '60s' };
/** A run takes about a second. */
const BOUND_MS = 30_000;

type System = 'redis' | 'memcached' | 'postgres';

function variables(system: System, port: number): Record<string, string> {
  switch (system) {
    case 'redis':
      return { METRIFY_REDIS_URL: `redis://tester:hunter2@127.0.0.1:${port}` };
    case 'memcached':
      return { METRIFY_MEMCACHED_SERVERS: `127.0.0.1:${port}` };
    case 'postgres':
      return { METRIFY_POSTGRES_URL: `postgres://tester:hunter2@127.0.0.1:${port}/meters` };
  }
}

async function timed(argv: string[], env: Record<string, string>): Promise<Finished & { tookMs: number }> {
  const started = performance.now();
  const finished = await metrify(argv, { env: { ...TIMEOUTS, ...env } });
  return { ...finished, tookMs: performance.now() - started };
}

/** Exit 5 in time, the server named, no password and no stack. */
async function expectUnavailable(
  argv: string[],
  env: Record<string, string>,
  address: string,
): Promise<Finished> {
  const [text, json] = await Promise.all([timed(argv, env), timed([...argv, '--json'], env)]);
  for (const { code, stdout, stderr, tookMs } of [text, json]) {
    expect(code, stderr).toBe(5);
    expect(stdout).toBe('');
    expect(stderr).toContain(address);
    expect(stderr).not.toMatch(/hunter2|sesame|wrong|undefined|\n\s+at /);
    expect(tookMs).toBeLessThan(BOUND_MS);
  }
  expect(text.stderr).toMatch(/^error: .*\n/);
  const { error } = JSON.parse(json.stderr) as { error: Record<string, string> };
  expect(error.code).toMatch(/^[A-Z_]+$/);
  return text;
}

/** Doctor tells the same as a failed check. */
async function expectDoctorFails(env: Record<string, string>, address: string): Promise<void> {
  const { code, json, stderr, tookMs } = await timed(['doctor', '--json'], env);
  expect(code, stderr).toBe(3);
  expect(tookMs).toBeLessThan(BOUND_MS);
  const [system] = json().result.systems as { state: string; target: string; problem: string }[];
  expect(system).toMatchObject({ state: 'failed', target: expect.stringContaining(address) as string });
  expect(system!.problem).toContain(address);
  expect(JSON.stringify(system)).not.toContain('metrify doctor');
  expect(JSON.stringify(json())).not.toMatch(/hunter2|sesame/);
}

describe.each(['redis', 'memcached', 'postgres'] as const)('%s', (system) => {
  let mute: Server;
  beforeAll(async () => {
    mute = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => mute.once('listening', resolve));
  });
  afterAll(() => void mute.close());

  it.each(['where nobody listens', 'that takes connections and never answers'])('%s', async (how) => {
    const port = how.startsWith('where') ? await freePort() : (mute.address() as { port: number }).port;
    const env = variables(system, port);
    const address = `127.0.0.1:${port}`;
    await Promise.all([
      expectUnavailable(['cache', 'get', 'k'], env, address),
      expectDoctorFails(env, address),
    ]);
    if (system === 'postgres')
      await expectUnavailable(
        ['cache', 'warm', '--sql', 'select 1 as id', '--key', 'k:{id}', '--redis-url', 'redis://127.0.0.1:1'],
        env,
        address,
      );
    else
      expect(await metrify(['cache', 'set', 'k', 'v'], { env: { ...TIMEOUTS, ...env } })).toMatchObject({
        code: 5,
        stdout: '',
        stderr: expect.stringContaining(address) as string,
      });
  });
});

needs('redis')('a Redis that', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({ password: 'sesame' });
  });
  afterAll(() => redis.stop());

  it.each([
    ['wants a password and gets none', ''],
    ['is given a wrong password', ':wrong@'],
    ['does not know the user', 'nobody:hunter2@'],
  ])('%s', async (_, credentials) => {
    const env = { ...PATIENCE, METRIFY_REDIS_URL: `redis://${credentials}127.0.0.1:${redis.port}` };
    const address = `127.0.0.1:${redis.port}`;
    const { stderr } = await expectUnavailable(['cache', 'get', 'k'], env, address);
    expect(stderr).toMatch(/METRIFY_REDIS_URL|password/i);
    await expectDoctorFails(env, address);
  });

  it('is stopped (SIGSTOP)', async () => {
    const env = { METRIFY_REDIS_URL: redis.url };
    redis.pause();
    try {
      const address = `127.0.0.1:${redis.port}`;
      await expectUnavailable(['cache', 'get', 'k'], env, address);
      await expectUnavailable(['cache', 'flush', '--all', ...confirming('redis', redis.url)], env, address);
      await expectDoctorFails(env, address);
    } finally {
      redis.resume();
    }
    expect((await metrify(['cache', 'get', 'k'], { env })).code).toBe(3);
  });
});

needs('postgres', 'redis')('a PostgreSQL that', () => {
  let database: OwnDatabase;
  let address: string;
  let redis: string;
  beforeAll(async () => {
    database = await ownDatabase();
    address = new URL(database.url).host;
    redis = (await ownRedis()).url;
    await database.sql('create table secret (id int)');
  });
  const as = (user: string, password: string) => ({
    ...PATIENCE,
    METRIFY_POSTGRES_URL: database.url.replace('postgres@', `${user}:${encodeURIComponent(password)}@`),
  });
  const warm = (sql: string) => ['cache', 'warm', '--sql', sql, '--key', 'k:{id}', '--redis-url', redis];

  it('is given a wrong password', async () => {
    const { stderr } = await expectUnavailable(warm('select 1 as id'), as('guarded', 'wrong'), address);
    expect(stderr).toMatch(/password/);
    await expectUnavailable(['cache', 'get', 'k', '--level', 'database'], as('guarded', 'wrong'), address);
    await expectDoctorFails(as('guarded', 'wrong'), address);
  });

  it('does not let the role read', async () => {
    const { stderr } = await expectUnavailable(
      warm('select id from secret'),
      as('guarded', 'sesame@3am'),
      address,
    );
    expect(stderr).toContain('permission denied for table secret');
  });

  it('has no such database', async () => {
    const env = { ...PATIENCE, METRIFY_POSTGRES_URL: database.url.replace(/[^/]*$/, 'nowhere') };
    const { stderr } = await expectUnavailable(warm('select 1 as id'), env, address);
    expect(stderr).toContain('nowhere');
  });
});

needs(
  'postgres',
  'redis',
  'memcached',
)('doctor with several systems, one of them down', () => {
  it('lists the others and exits 3', async () => {
    const [database, redis, { urls }] = await Promise.all([ownDatabase(), ownRedis(), ownMemcached()]);
    const port = await freePort();
    const env = {
      ...PATIENCE,
      METRIFY_POSTGRES_URL: database.url,
      METRIFY_REDIS_URL: redis.url,
      METRIFY_MEMCACHED_SERVERS: urls.join(','),
      METRIFY_PROMETHEUS_URL: `http://u:hunter2@127.0.0.1:${port}`,
    };
    const { code, json } = await timed(['doctor', '--json'], env);
    expect(code).toBe(3);
    const systems = json().result.systems as { system: string; state: string; version?: string }[];
    expect(systems.map(({ system, state }) => [system, state])).toEqual([
      ['PostgreSQL', 'ok'],
      ['Redis', 'ok'],
      ['Memcached', 'ok'],
      ['Prometheus', 'failed'],
    ]);
    for (const { state, version } of systems) if (state === 'ok') expect(version).toMatch(/^\d+\.\d+/);
    const text = await timed(['doctor'], env);
    expect(text.code).toBe(3);
    expect(text.stdout).toMatch(/^ok +Redis +127/m);
    expect(text.stdout).toMatch(new RegExp(`^failed +Prometheus +127.0.0.1:${port}`, 'm'));
    expect(text.stdout + JSON.stringify(json())).not.toContain('hunter2');
  });
});
