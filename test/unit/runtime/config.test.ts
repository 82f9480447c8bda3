import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sections } from '../../../src/commands/sections.js';
import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import { type SettingsInput, loadSettings } from '../../../src/runtime/config/load.js';
import { variableName } from '../../../src/lib/core/schema/variable-name.js';
import { Catalog } from '../../../src/runtime/config/catalog.js';
import type { InvalidConfiguration } from '../../../src/lib/core/written/problems.js';

const guide = `environments:
  default:
    postgres: { url: { env: DATABASE_URL } }          # or { file: /run/secrets/pg }, or a plain value without a password
    redis: { nodes: ["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"], password: { file: secrets/redis } }
    memcached: { servers: ["127.0.0.1:11211"] }
    prometheus: { url: "http://127.0.0.1:9090" }
    connectTimeout: 5s
    requestTimeout: 30s
    cache:
      levels:                                          # first is asked first
        - { name: hot,  type: memory,   size: 100MB, ttl: 5m }
        - { name: warm, type: redis,    size: 1GB,   ttl: 1h }
        - { name: cold, type: database, size: 10GB,  ttl: 1d, table: metrify_cache }
      tiers: [{ pattern: "meter:*:latest", levels: [hot, warm] }, { pattern: "report:*", levels: [cold] }]
      writeBehind: { tables: { sensor_data: { key: [sensor_id] } }, durability: replica }
`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(text: string, name = 'metrify.config.yaml'): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function load(more: Partial<SettingsInput> = {}) {
  return loadSettings(sections, {
    overrides: {},
    env: {},
    cwd: folder,
    uid: process.getuid?.(),
    home: join(folder, 'home'),
    redactor: new Redactor(),
    ...more,
  });
}

/** An environment of that YAML, given without indentation. */
const environment = (yaml: string, name = 'default') =>
  `environments:\n  ${name}:\n${yaml.replace(/^/gm, '    ')}\n`;

/** The text without its mark, and the line and column where that stood. */
function unmark(marked: string): { text: string; place: string } {
  const before = marked.slice(0, marked.indexOf('§')).split('\n');
  return { text: marked.replace('§', ''), place: `${before.length}:${before.at(-1)!.length + 1}` };
}

async function problemsOf(text: string, more: Partial<SettingsInput> = {}): Promise<string[]> {
  write(text);
  const error = await load(more).then(
    () => undefined,
    (thrown: unknown) => thrown as InvalidConfiguration,
  );
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
  return error!.message.split('\n');
}

describe('the file in the guide', () => {
  it('is read whole, its references resolved', async () => {
    write(guide);
    write('s3cret\n', 'secrets/redis');
    const { settings, warnings, origins } = await load({ env: { DATABASE_URL: 'postgres://u:pw@db/m' } });
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      environment: 'default',
      connectTimeoutMs: 5000,
      requestTimeoutMs: 30_000,
      postgres: { url: 'postgres://u:pw@db/m' },
      redis: { nodes: ['redis://10.0.0.1:6379', 'redis://10.0.0.2:6379'], password: 's3cret' },
      memcached: { servers: ['127.0.0.1:11211'] },
      prometheus: { url: 'http://127.0.0.1:9090' },
      cache: {
        levels: [
          { name: 'hot', type: 'memory', size: 100e6, ttl: 300_000 },
          { name: 'warm', type: 'redis', size: 1e9, ttl: 3_600_000 },
          { name: 'cold', type: 'database', size: 10e9, ttl: 86_400_000, table: 'metrify_cache' },
        ],
        tiers: [
          { pattern: 'meter:*:latest', levels: ['hot', 'warm'] },
          { pattern: 'report:*', levels: ['cold'] },
        ],
        writeBehind: { tables: { sensor_data: { key: ['sensor_id'] } }, durability: 'replica' },
      },
    });
    const shown = JSON.stringify(origins);
    expect(shown).not.toMatch(/s3cret|pw@/);
    expect(origins).toContainEqual({
      path: 'postgres.url',
      value: 'postgres://u:***@db/m',
      from: 'metrify.config.yaml:3:22',
      via: 'variable DATABASE_URL',
    });
    expect(origins).toContainEqual({ path: 'connectTimeout', value: '5s', from: 'metrify.config.yaml:7:21' });
  });
});

describe('problems', () => {
  it('are all reported at once, with line and column', async () => {
    const lines = await problemsOf(`environments:
  default:
    conectTimeout: 5s
    requestTimeout: 30
    redis: { url: "http://h", tlsVerify: 1 }
    memcached: { servers: [localhost] }
    cache:
      levels:
        - { name: a, type: radis }
        - { type: redis }
  other:
    prometheus: "http://h"
`);
    expect(lines).toEqual([
      "metrify.config.yaml:3:5: unknown setting 'conectTimeout'; did you mean 'connectTimeout'?",
      "metrify.config.yaml:4:21: '30' is not a duration. Write it like 500ms, 30s, 5m, 1h or 7d.",
      'metrify.config.yaml:5:19: is not a URL with redis:// or rediss://',
      'metrify.config.yaml:5:42: must be true or false',
      "metrify.config.yaml:6:28: 'localhost' is not host:port. Write it like 127.0.0.1:11211.",
      'metrify.config.yaml:9:28: must be one of memory, redis, memcached, hazelcast, database',
      "metrify.config.yaml:10:11: 'name' is missing here",
      'metrify.config.yaml:12:17: must be a mapping',
    ]);
  });

  it.each([
    ['a plain password', 'redis: { url: "redis://h", password: §hunter2 }'],
    ['a password in a URL', 'postgres: { url: §"postgres://u:hunter2@h/db" }'],
    ['a password in a node', 'redis: { nodes: ["redis://h", §"redis://:hunter2@h"] }'],
    ['a password that is not percent-encoded', 'redis: { url: §"redis://u:hunter2/x@h" }'],
  ])('refuse %s without repeating it', async (_, yaml) => {
    const { text, place } = unmark(environment(yaml));
    const [line, ...rest] = await problemsOf(text);
    expect(rest).toEqual([]);
    expect(line).toContain(`metrify.config.yaml:${place}: `);
    expect(line).toContain('{ env: NAME } or { file: PATH }');
    expect(line).not.toContain('hunter2');
  });

  it.each([
    [
      'levels of one name',
      'cache: { levels: [{ name: a, type: memory }, { name: §a, type: memory }] }',
      'two levels',
    ],
    [
      'a tier of an unknown level',
      'cache: { levels: [{ name: a, type: memory }], tiers: [{ pattern: x, levels: [§b] }] }',
      "no level 'b'",
    ],
    [
      'a tier of an unknown default level',
      'cache: { tiers: [{ pattern: x, levels: [§redis] }] }',
      "no level 'redis'",
    ],
    [
      'a table of a redis level',
      'cache: { levels: [{ name: a, type: redis, table: §t }] }',
      'database level',
    ],
    ['url and nodes', 'redis: { url: "redis://h", nodes: §["redis://h"] }', 'not both'],
    ['another key beside a reference', 'redis: { url: §{ env: A, file: B } }', '{ env: NAME }'],
    ['a section without anything', 'redis:§', 'must be a mapping'],
    ['a key given twice', 'connectTimeout: 1s\n§connectTimeout: 2s', 'not YAML'],
  ])('find %s', async (_, yaml, said) => {
    const { text, place } = unmark(environment(yaml));
    const lines = await problemsOf(text);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`metrify.config.yaml:${place}: `);
    expect(lines[0]).toContain(said);
  });

  it('find an empty file', async () => {
    expect(await problemsOf('')).toEqual(['metrify.config.yaml:1:1: must be a mapping']);
  });

  it('point into what an alias stands for', async () => {
    const lines = await problemsOf('environments:\n  a: &a\n    redis: { url: "ftp://h" }\n  default: *a\n');
    expect(lines.every((line) => line.startsWith('metrify.config.yaml:3:19: '))).toBe(true);
  });

  it('name the variable, and come together with those of references', async () => {
    const lines = await problemsOf(environment('redis: { url: { env: NOT_THERE } }'), {
      env: { METRIFY_CONNECT_TIMEOUT: 'soon', METRIFY_POSTGRES_URL: 'mysql://u:hunter2@h' },
    });
    expect(lines.join('\n')).not.toContain('hunter2');
    expect(lines.sort()).toEqual([
      "METRIFY_CONNECT_TIMEOUT: connectTimeout: 'soon' is not a duration. Write it like 500ms, 30s, 5m, 1h or 7d.",
      'METRIFY_POSTGRES_URL: postgres.url: is not a URL with postgres:// or postgresql://',
      'metrify.config.yaml:3:19: redis.url: refers to the environment variable NOT_THERE, which is not set',
    ]);
  });
});

describe('references', () => {
  it('are looked up only where they are in force', async () => {
    write(
      environment('redis: { url: { env: NOT_THERE } }') +
        environment('redis: { url: { file: nowhere } }', 'other').replace('environments:\n', ''),
    );
    const { settings } = await load({ env: { METRIFY_REDIS_URL: 'redis://h' } });
    expect(settings.redis?.nodes).toEqual(['redis://h']);
    await expect(load({ environment: 'other' })).rejects.toThrow(/redis\.url.*nowhere/);
  });

  it('warn of a secret that everybody can read', async () => {
    write(environment('redis: { url: { file: secret } }'));
    chmodSync(write('redis://:x@h\r\n', 'secret'), 0o644);
    const { warnings, settings } = await load();
    expect(settings.redis?.nodes).toEqual(['redis://:x@h']);
    expect(warnings).toEqual([`every user of this host can read the secret in ${join(folder, 'secret')}`]);
  });
});

describe('precedence', () => {
  it('is flag, variable, file, default', async () => {
    write(environment('connectTimeout: 2s'));
    const env = { METRIFY_CONNECT_TIMEOUT: '3s' };
    const overrides = { connectTimeout: '4s' };
    const inForce = async (more: Partial<SettingsInput>) => {
      const { settings, origins } = await load(more);
      return [settings.connectTimeoutMs, origins.find(({ path }) => path === 'connectTimeout')?.from];
    };
    expect(await inForce({ env, overrides })).toEqual([4000, 'flag']);
    expect(await inForce({ env })).toEqual([3000, 'environment variable METRIFY_CONNECT_TIMEOUT']);
    expect(await inForce({ env: { METRIFY_CONNECT_TIMEOUT: '' } })).toEqual([
      2000,
      'metrify.config.yaml:3:21',
    ]);
    rmSync(join(folder, 'metrify.config.yaml'));
    expect(await inForce({})).toEqual([5000, 'default']);
  });

  it('has a variable for every scalar setting', async () => {
    expect([...new Catalog(sections).settings.keys()].map(variableName)).toEqual(
      expect.arrayContaining([
        'METRIFY_POSTGRES_URL',
        'METRIFY_REDIS_URL',
        'METRIFY_MEMCACHED_SERVERS',
        'METRIFY_HAZELCAST_URL',
        'METRIFY_ELASTICSEARCH_URL',
        'METRIFY_SOLR_URL',
        'METRIFY_PROMETHEUS_URL',
        'METRIFY_POSTGRES_TLS_VERIFY',
        'METRIFY_CONNECT_TIMEOUT',
        'METRIFY_CACHE_WRITE_BEHIND_DURABILITY',
      ]),
    );
    const { settings } = await load({
      env: {
        METRIFY_REDIS_URL: 'redis://a:1, redis://b:2',
        METRIFY_REDIS_TLS_VERIFY: 'false',
        METRIFY_MEMCACHED_SERVERS: 'h:1,[::1]:2',
        METRIFY_POSTGRES_URL: 'postgres:///db?host=/run/postgresql',
        METRIFY_CACHE_WRITE_BEHIND_DURABILITY: 'fsync',
      },
    });
    expect(settings).toMatchObject({
      redis: { nodes: ['redis://a:1', 'redis://b:2'], tlsVerify: false },
      memcached: { servers: ['h:1', '[::1]:2'] },
      postgres: { url: 'postgres:///db?host=/run/postgresql' },
      cache: { writeBehind: { durability: 'fsync' } },
    });
    expect(settings.cache.levels).toMatchObject([
      { name: 'redis', type: 'redis' },
      { name: 'memcached', type: 'memcached' },
      { name: 'database', type: 'database', table: 'metrify_cache' },
    ]);
  });

  it('warns of unknown variables and of levels without a system', async () => {
    write(environment('cache: { levels: [{ name: a, type: redis }] }'));
    const { warnings } = await load({
      env: { METRIFY_REDIS_ULR: 'x', METRIFY_TEST_REQUIRE: 'all', METRIFY_ENV: 'default', OTHER: 'x' },
    });
    expect(warnings).toEqual([
      "unknown environment variable METRIFY_REDIS_ULR; did you mean 'METRIFY_REDIS_URL'?",
      "metrify.config.yaml:3:23: level 'a' is of type redis, but redis is not configured",
    ]);
  });
});

describe('finding', () => {
  const prometheus = async (more: Partial<SettingsInput>) => (await load(more)).settings.prometheus?.url;
  const naming = (host: string) => environment(`prometheus: { url: "http://${host}" }`);

  it('asks --config, METRIFY_CONFIG, the folders upward and the user, in this order', async () => {
    write(naming('flag'), 'flag.yaml');
    write(naming('variable'), 'variable.yaml');
    write(naming('upward'), 'a/metrify.config.yaml');
    write(naming('xdg'), 'xdg/metrify/config.yaml');
    write(naming('home'), 'home/.config/metrify/config.yaml');
    mkdirSync(join(folder, 'a/b/c'), { recursive: true });
    const cwd = join(folder, 'a/b/c');
    const env = { METRIFY_CONFIG: '../../../variable.yaml', XDG_CONFIG_HOME: join(folder, 'xdg') };
    expect(await prometheus({ cwd, env, configFile: '../../../flag.yaml' })).toBe('http://flag');
    expect(await prometheus({ cwd, env })).toBe('http://variable');
    expect(await prometheus({ cwd })).toBe('http://upward');
    expect(await prometheus({ env: { XDG_CONFIG_HOME: join(folder, 'xdg') } })).toBe('http://xdg');
    expect(await prometheus({ env: { XDG_CONFIG_HOME: 'relative' } })).toBe('http://home');
  });

  it('does not need a file, but the one that is named', async () => {
    expect((await load()).file).toBeUndefined();
    await expect(load({ configFile: 'none.yaml' })).rejects.toMatchObject({
      code: 'CONFIG_NOT_FOUND',
      exitCode: 2,
    });
    await expect(load({ environment: 'prod' })).rejects.toMatchObject({
      code: 'ENVIRONMENT_UNKNOWN',
      exitCode: 2,
    });
  });

  it("refuses another user's file unless it is named", async () => {
    write(naming('upward'));
    const uid = process.getuid!() + 1;
    await expect(load({ uid })).rejects.toMatchObject({ code: 'CONFIG_FOREIGN', exitCode: 2 });
    expect(await prometheus({ uid, configFile: 'metrify.config.yaml' })).toBe('http://upward');
  });

  it.runIf(process.getuid?.() === 0)("refuses another user's link to a file of one's own", async () => {
    symlinkSync(write(naming('own'), 'own.yaml'), join(folder, 'metrify.config.yaml'));
    expect(await prometheus({})).toBe('http://own');
    execFileSync('chown', ['-h', '65534', join(folder, 'metrify.config.yaml')]);
    await expect(load()).rejects.toMatchObject({ code: 'CONFIG_FOREIGN' });
    chownSync(join(folder, 'own.yaml'), 0, 0);
  });

  it('takes the environment that was asked for and lists those there are', async () => {
    write(
      naming('default') +
        environment('prometheus: { url: "http://s" }', 'staging').replace('environments:\n', ''),
    );
    expect(await prometheus({ env: { METRIFY_ENV: 'staging' } })).toBe('http://s');
    expect(await prometheus({ env: { METRIFY_ENV: 'staging' }, environment: 'default' })).toBe(
      'http://default',
    );
    await expect(load({ environment: 'constructor' })).rejects.toMatchObject({
      code: 'ENVIRONMENT_UNKNOWN',
      hint: expect.stringContaining('default, staging') as string,
    });
  });
});
