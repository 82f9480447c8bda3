import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { redisCli } from '../../servers/redis.js';
import { ownRedis } from '../../servers/shared.js';
import { metrify } from '../run.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metrify-configuration-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const file = (name: string) => join(folder, name);
/** One environment's requestTimeout and where it comes from. */
async function requestTimeout(argv: string[], env: Record<string, string> = {}): Promise<unknown> {
  const { json } = await metrify([...argv, 'config', 'show', '--json'], { cwd: folder, env });
  const { settings } = json().result as { settings: { path: string; value: string; from: string }[] };
  const { value, from } = settings.find(({ path }) => path === 'requestTimeout')!;
  return [value, from];
}

it('unknown settings and wrong types are told with line and column, all at once', async () => {
  await writeFile(
    file('metrify.config.yaml'),
    `environments:
  default:
    redsi: { url: "redis://h" }
    requestTimeout: 30
    cache:
      levels: [{ name: a, type: radis }]
`,
  );
  for (const argv of [['config', 'check'], ['doctor'], ['cache', 'get', 'k']]) {
    const { code, stdout, stderr } = await metrify(argv, { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/metrify\.config\.yaml:3:5: unknown setting 'redsi'; did you mean 'redis'\?/);
    expect(stderr).toMatch(/metrify\.config\.yaml:4:21: '30' is not a duration/);
    expect(stderr).toMatch(/metrify\.config\.yaml:6:33: must be one of memory, redis/);
  }
  const { stderr } = await metrify(['config', 'check', '--json'], { cwd: folder });
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
});

it('what is no YAML is told with its place', async () => {
  await writeFile(file('metrify.config.yaml'), 'environments:\n  default: { redis: [\n');
  const { code, stderr } = await metrify(['config', 'check'], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toMatch(/metrify\.config\.yaml:\d+:\d+: /);
});

it('the file is found: --config, METRIFY_CONFIG, the nearest upward, the own one', async () => {
  const write = async (name: string, seconds: number) => {
    await mkdir(join(file(name), '..'), { recursive: true });
    await writeFile(file(name), `environments: { default: { requestTimeout: ${seconds}s } }`);
  };
  await write('home/metrify/config.yaml', 1);
  const env = { XDG_CONFIG_HOME: file('home') };
  expect(await requestTimeout([], env)).toEqual(['1s', expect.stringContaining('config.yaml:1:')]);
  await write('metrify.config.yaml', 2);
  expect(await requestTimeout([], env)).toEqual(['2s', 'metrify.config.yaml:1:44']);
  await mkdir(file('a/b'), { recursive: true });
  const below = await metrify(['config', 'show', '--json'], { cwd: file('a/b'), env });
  expect(below.json().result.file).toBe(file('metrify.config.yaml'));
  await write('variable.yaml', 3);
  const named = { ...env, METRIFY_CONFIG: file('variable.yaml') };
  expect(await requestTimeout([], named)).toEqual(['3s', 'variable.yaml:1:44']);
  await write('flag.yaml', 4);
  expect(await requestTimeout(['-c', 'flag.yaml'], named)).toEqual(['4s', 'flag.yaml:1:44']);
  const missing = await metrify(['config', 'show', '-c', 'none.yaml'], { cwd: folder });
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('none.yaml') });
});

it.skipIf(process.getuid?.() !== 0)('a file of another user is not used unasked', async () => {
  await writeFile(file('metrify.config.yaml'), 'environments: { default: {} }');
  await chown(file('metrify.config.yaml'), 65_534, 65_534);
  const { code, stderr } = await metrify(['config', 'show'], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toContain('belongs to another user');
  const named = await metrify(['config', 'show', '-c', 'metrify.config.yaml'], { cwd: folder });
  expect(named.code).toBe(0);
});

it('the environment: --env, METRIFY_ENV, default', async () => {
  await writeFile(
    file('metrify.config.yaml'),
    'environments:\n  default: { requestTimeout: 1s }\n  staging: { requestTimeout: 2s }\n  production: { requestTimeout: 3s }\n',
  );
  expect(await requestTimeout([])).toEqual(['1s', 'metrify.config.yaml:2:30']);
  expect(await requestTimeout([], { METRIFY_ENV: 'staging' })).toEqual(['2s', 'metrify.config.yaml:3:30']);
  expect(await requestTimeout(['-e', 'production'], { METRIFY_ENV: 'staging' })).toEqual([
    '3s',
    'metrify.config.yaml:4:33',
  ]);
  const unknown = await metrify(['config', 'show', '-e', 'prod'], { cwd: folder });
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('default, staging, production');
});

it('variable > file > default', async () => {
  expect(await requestTimeout([])).toEqual(['30s', 'default']);
  await writeFile(file('metrify.config.yaml'), 'environments: { default: { requestTimeout: 7s } }');
  expect(await requestTimeout([])).toEqual(['7s', 'metrify.config.yaml:1:44']);
  expect(await requestTimeout([], { METRIFY_REQUEST_TIMEOUT: '9s' })).toEqual([
    '9s',
    expect.stringContaining('METRIFY_REQUEST_TIMEOUT'),
  ]);
});

it.each([
  ['--redis-url', 'redis://u:hunter2@127.0.0.1:6379', 'METRIFY_REDIS_URL'],
  ['--redis-url=redis://:hunter2@127.0.0.1', undefined, 'METRIFY_REDIS_URL'],
  ['--postgres-url', 'postgres://u:hunter2@127.0.0.1/db', 'METRIFY_POSTGRES_URL'],
])('a password on the command line is refused: %s %s', async (flag, url, variable) => {
  for (const format of [[], ['--json']]) {
    const argv = ['cache', 'get', 'k', flag, ...(url ? [url] : []), ...format];
    const { code, stdout, stderr } = await metrify(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(variable);
    expect(stderr).not.toContain('hunter2');
  }
});

it('secrets are shown masked, wherever they come from', async () => {
  await writeFile(file('secret'), 'hunter2\n');
  await writeFile(
    file('metrify.config.yaml'),
    `environments: { default: { redis: { url: "redis://h", password: { file: secret } }, postgres: { url: { env: DATABASE_URL } } } }`,
  );
  const env = { DATABASE_URL: 'postgres://u:hunter2@db/m', METRIFY_PROMETHEUS_URL: 'http://u:hunter2@p' };
  for (const format of ['text', 'json', 'ndjson']) {
    const { code, stdout, stderr } = await metrify(['config', 'show', '-o', format], { cwd: folder, env });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('postgres://u:***@db/m');
    expect(stdout).toContain('DATABASE_URL');
    expect(stdout + stderr).not.toContain('hunter2');
  }
});

needs('redis')('the Redis a command talks to', () => {
  it('flag > variable > file', async () => {
    const servers = await Promise.all([ownRedis(), ownRedis(), ownRedis()]);
    const names = ['file', 'variable', 'flag'];
    for (const [i, { port, database }] of servers.entries())
      await redisCli(port, ['-n', String(database), 'SET', 'who', names[i]!]);
    const [inFile, inVariable, inFlag] = servers.map(({ url }) => url);
    await writeFile(
      file('metrify.config.yaml'),
      `environments: { default: { redis: { url: "${inFile}" } } }`,
    );
    const who = async (argv: string[], env: Record<string, string>) => {
      const { stdout } = await metrify(['cache', 'get', 'who', ...argv], { cwd: folder, env });
      return stdout.trim();
    };
    const env = { METRIFY_REDIS_URL: inVariable! };
    expect(await who([], {})).toBe('file');
    expect(await who([], env)).toBe('variable');
    expect(await who(['--redis-url', inFlag!], env)).toBe('flag');
    const { json } = await metrify(['config', 'show', '--json'], { cwd: folder, env });
    expect(json().result.settings).toContainEqual({
      path: 'redis.url',
      value: inVariable,
      from: expect.stringContaining('METRIFY_REDIS_URL') as string,
    });
  });
});
