import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { redisCli } from '../../servers/redis.js';
import { ownRedis, type OwnRedis } from '../../servers/shared.js';
import { confirming } from '../confirm-name.js';
import { metrify } from '../run.js';

needs('redis')('an environment that was chosen with -e', () => {
  let folder: TemporaryDirectory;
  /** What the variable names. */
  let elsewhere: OwnRedis;
  let staging: OwnRedis;
  let env: Record<string, string>;

  const set = (redis: OwnRedis, value: string) =>
    redisCli(redis.port, ['-n', String(redis.database), 'SET', 'stag:1', value]);
  const get = (redis: OwnRedis) => redisCli(redis.port, ['-n', String(redis.database), 'GET', 'stag:1']);
  const run = (args: string[], more: Record<string, string> = {}) =>
    metrify(args, { cwd: folder.path, env: { ...env, ...more } });
  const flush = ['cache', 'flush', '--pattern', 'stag:*'];

  beforeAll(async () => {
    [folder, elsewhere, staging] = await Promise.all([
      temporaryDirectory('environments'),
      ownRedis(),
      ownRedis(),
    ]);
    env = { METRIFY_REDIS_URL: elsewhere.url };
    await writeFile(
      join(folder.path, 'metrify.config.yaml'),
      `environments:
  default: {}
  staging: { redis: { url: "${staging.url}" } }
  bare: { connectTimeout: 2s }
  memcached: { memcached: { servers: ["127.0.0.1:1"] } }
`,
      { mode: 0o600 },
    );
  });
  beforeEach(async () => {
    await set(elsewhere, 'elsewhere');
    await set(staging, 'staging');
  });
  afterAll(() => folder.remove());

  it('removes keys of its own server, whatever the variable says, and says so', async () => {
    const flushed = await run([...flush, '-e', 'staging', ...confirming('redis', staging.url, 'staging')]);
    expect(flushed.code, flushed.stderr).toBe(0);
    expect(flushed.stderr).toContain('METRIFY_REDIS_URL is not used');
    expect(await get(elsewhere)).toBe('elsewhere');
    expect(await get(staging)).toBe('');
  });

  it('and the confirmed name is that server’s, not the variable’s', async () => {
    const wrong = await run([...flush, '-e', 'staging', ...confirming('redis', elsewhere.url, 'staging')]);
    expect(wrong.code).toBe(4);
    expect([await get(elsewhere), await get(staging)]).toEqual(['elsewhere', 'staging']);
  });

  it.each([
    ['flush', [...flush, '--confirm', 'bare/redis']],
    ['get', ['cache', 'get', 'stag:1']],
    ['set', ['cache', 'set', 'stag:1', 'x']],
    ['delete', ['cache', 'delete', 'stag:1']],
    ['inspect', ['cache', 'inspect']],
    ['cluster status', ['cache', 'cluster', 'status']],
    ['queue status', ['cache', 'queue', 'status']],
    ['worker', ['cache', 'worker', '--until-empty']],
  ])('that names no Redis is no reason to take the variable’s (%s): exit 2', async (_, args) => {
    const refused = await run([...args, '-e', 'bare']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /environment 'bare', chosen with -e, names no redis, and METRIFY_REDIS_URL/,
    );
    expect([await get(elsewhere), await get(staging)]).toEqual(['elsewhere', 'staging']);
  });

  it('uses the levels that it names itself, and refuses the other one where that is named', async () => {
    const named = await run(['cache', 'get', 'stag:1', '--level', 'redis', '-e', 'memcached']);
    expect(named.code).toBe(2);
    expect(named.stderr).toContain('METRIFY_REDIS_URL');
    const first = await run(['cache', 'get', 'stag:1', '-e', 'memcached']);
    expect(first.code).toBe(5);
    expect(first.stderr).toContain('127.0.0.1:1');
  });

  it('is outranked by a flag', async () => {
    const got = await run(['cache', 'get', 'stag:1', '-e', 'bare', '--redis-url', staging.url]);
    expect(got.stdout.trim()).toBe('staging');
    expect(got.stderr).toContain('METRIFY_REDIS_URL is not used');
  });

  it('chosen by METRIFY_ENV, it is outranked by variables', async () => {
    const got = await run(['cache', 'get', 'stag:1'], { METRIFY_ENV: 'staging' });
    expect(got.stdout.trim()).toBe('elsewhere');
  });
});

needs('redis')('credentials', () => {
  it('of the configuration do not go to an address that a variable or a flag names', async () => {
    const folder = await temporaryDirectory('credentials');
    const redis = await ownRedis();
    try {
      await writeFile(join(folder.path, 'password'), 'hunter2\n', { mode: 0o600 });
      await writeFile(
        join(folder.path, 'metrify.config.yaml'),
        'environments: { default: { redis: { url: "redis://10.0.0.1", username: reader, password: { file: password } } } }\n',
        { mode: 0o600 },
      );
      for (const [args, env] of [
        [[], { METRIFY_REDIS_URL: redis.url }],
        [['--redis-url', redis.url], {}],
      ] as const) {
        const shown = await metrify(['cache', 'set', 'k', 'v', ...args], { cwd: folder.path, env });
        // The server has no user `reader`: had the credentials been sent, it would have refused them.
        expect(shown.code, shown.stderr).toBe(0);
        expect(shown.stderr).toContain('redis.username and redis.password are not used');
        expect(shown.stderr).not.toContain('hunter2');
      }
    } finally {
      await folder.remove();
    }
  });
});
