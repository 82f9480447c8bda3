import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { ask, freePort } from '../../servers/ports.js';
import { launch, type ServerProcess, temporaryDirectory } from '../../servers/process.js';
import { type RedisServer, startRedis } from '../../servers/redis.js';
import { metrify } from '../run.js';

/** What each URL says that its system cannot use, and what a message must name. The host accepts no connection. */
const refused: [variable: string, url: string, part: RegExp][] = [
  ['METRIFY_REDIS_URL', 'redis://u:s3cret%zz@127.0.0.1:1', /password/],
  ['METRIFY_REDIS_URL', 'redis://u%zz:s3cret@127.0.0.1:1', /user/],
  ['METRIFY_REDIS_URL', 'redis://u:12/s3cret@127.0.0.1:1', /path/],
  ['METRIFY_REDIS_URL', 'redis://:s3cret@127.0.0.1:1?db=3', /query/],
  ['METRIFY_REDIS_URL', 'redis://:s3cret@127.0.0.1:1/0#3', /fragment/],
  ['METRIFY_REDIS_URL', 'redis://:s3\tcret@127.0.0.1:1', /control character/],
  ['METRIFY_REDIS_URL', 'redis://a:s3cret@127.0.0.1:1,redis://b@127.0.0.1:2', /users/],
  ['METRIFY_REDIS_URL', 'redis://:s3cret@127.0.0.1:1,redis://:s3cret2@127.0.0.1:2', /passwords/],
  ['METRIFY_REDIS_URL', 'redis://127.0.0.1:1/0,redis://127.0.0.1:2/1', /database numbers/],
  ['METRIFY_REDIS_URL', 'redis://127.0.0.1:1,rediss://127.0.0.1:2', /schemes/],
  ['METRIFY_HAZELCAST_URL', 'hazelcast://u:s3cret%zz@127.0.0.1:1', /password/],
  ['METRIFY_HAZELCAST_URL', 'hazelcast://127.0.0.1:1/map', /path/],
  ['METRIFY_HAZELCAST_URL', 'hazelcast://127.0.0.1:1?map=m', /query/],
  ['METRIFY_HAZELCAST_URL', 'hazelcast://a@127.0.0.1:1,hazelcast://b@127.0.0.1:2', /users/],
  ['METRIFY_MEMCACHED_SERVERS', 'u:s3cret@127.0.0.1:1', /user/],
  ['METRIFY_MEMCACHED_SERVERS', 'memcached://127.0.0.1:1', /host:port/],
  ['METRIFY_POSTGRES_URL', 'postgres://u:s3cret%zz@127.0.0.1:1/m', /password/],
  ['METRIFY_POSTGRES_URL', 'postgres://u:s3cret@127.0.0.1:1/m#x', /fragment/],
  ['METRIFY_POSTGRES_URL', 'postgres://127.0.0.1:1/m?user=%zz', /query/],
  ['METRIFY_POSTGRES_URL', 'postgres://127.0.0.1:1/m?ssl=true', /'ssl'/],
  ['METRIFY_POSTGRES_URL', 'postgres://127.0.0.1:1/m?dbname=n', /dbname/],
  ['METRIFY_POSTGRES_URL', 'postgres://127.0.0.1:1/m?port=2&port=3', /port/],
  ['METRIFY_POSTGRES_URL', 'postgres://127.0.0.1:1/m?sslmode=disable&sslrootcert=ca.pem', /sslrootcert/],
  ['METRIFY_PROMETHEUS_URL', 'http://u:s3cret%zz@127.0.0.1:1', /password/],
  ['METRIFY_PROMETHEUS_URL', 'http://127.0.0.1:1?token=s3cret', /query/],
  ['METRIFY_ELASTICSEARCH_URL', 'http://127.0.0.1:1/#x', /fragment/],
  ['METRIFY_SOLR_URL', 'http://127.0.0.1:1/solr?wt=json', /query/],
];

describe('a URL with a part that cannot be used', () => {
  it.each(refused)('%s=%s', async (variable, url, part) => {
    const { code, stdout, stderr } = await metrify(['config', 'check'], { env: { [variable]: url } });
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(part);
    expect(stderr).toContain(`${variable}: `);
    expect(stderr).not.toContain('s3');
  });

  it.each([['doctor'], ['cache', 'get', 'k'], ['cache', 'queue', 'status']])(
    'is refused by what uses it in the same words: %s %s %s',
    async (...argv) => {
      const env = { METRIFY_REDIS_URL: 'redis://u:s3cret%zz@127.0.0.1:1' };
      const [used, checked] = await Promise.all([
        metrify(argv, { env }),
        metrify(['config', 'check'], { env }),
      ]);
      expect(used).toMatchObject({ code: 2, stdout: '', stderr: checked.stderr });
    },
  );

  it('of a flag names the flag', async () => {
    const { code, stderr } = await metrify(['cache', 'get', 'k', '--redis-url', '127.0.0.1:6379']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: --redis-url: is not a URL/);
    expect(stderr).not.toContain('config check');
  });

  it.each([
    ['smoke: [{ url: "http://h/#x" }]', '6:16', 'fragment'],
    ['smoke: [{ url: "http://u%zz@h" }]', '6:16', 'user'],
    ['smoke: [{ url: "http://u@h", headers: { Authorization: { env: A } } }]', '6:16', 'user'],
    ['analysis: { prometheus: "http://h?x=1" }', '6:25', 'query'],
    ['analysis: { probe: { url: "http://{{version}}/#x" } }', '6:27', 'fragment'],
    ['envoy: { admin: "http://h/#x" }', '6:17', 'fragment'],
  ])('of a rollout: %s', async (line, place, part) => {
    const folder = await mkdtemp(join(tmpdir(), 'metrify-urls-'));
    try {
      await writeFile(
        join(folder, 'rollout.yaml'),
        `app: web\nprovider: envoy\nroute: r.yaml\nstable: { name: a }\ncanary: { name: b }\n${line}\n`,
      );
      const { code, stderr } = await metrify(['config', 'check', '-f', 'rollout.yaml'], { cwd: folder });
      expect(code, stderr).toBe(2);
      expect(stderr).toMatch(new RegExp(`rollout\\.yaml:${place}: .*${part}`));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

needs('redis')('whose commands are run', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
    await server.cli('ACL', 'SETUSER', 'nopw', 'on', 'nopass', '~only:*', '+@all');
    await server.cli('ACL', 'SETUSER', 'pw', 'on', '>s3cret', '~*', '+@all');
  });
  afterAll(() => server.stop());

  const run = (login: string, key: string, env: Record<string, string> = {}) =>
    metrify(['cache', 'set', key, '1'], {
      env: { METRIFY_REDIS_URL: `redis://${login}127.0.0.1:${server.port}`, ...env },
    });

  it('a user without a password is that user, never default', async () => {
    expect(await run('nopw@', 'only:a')).toMatchObject({ code: 0 });
    expect(await run('nopw:@', 'only:b')).toMatchObject({ code: 0 });
    const { code, stderr } = await run('nopw@', 'app:a');
    expect(code, stderr).not.toBe(0);
    expect(stderr).toContain('NOPERM');
    expect(await server.cli('EXISTS', 'app:a')).toBe('0');
  });

  it('a user that is not there, or needs a password, is refused', async () => {
    for (const login of ['nosuchuser@', 'pw@', 'pw:@']) {
      const { code, stderr } = await run(login, 'app:b');
      expect(code, stderr).toBe(5);
      expect(stderr).toContain('WRONGPASS');
    }
    expect(await server.cli('EXISTS', 'app:b')).toBe('0');
  });

  it('user and password may come from two places', async () => {
    expect(await run('pw@', 'app:c', { METRIFY_REDIS_PASSWORD: 's3cret' })).toMatchObject({ code: 0 });
    expect(await run('', 'only:c', { METRIFY_REDIS_USERNAME: 'nopw' })).toMatchObject({ code: 0 });
    expect(await run('', 'app:d', { METRIFY_REDIS_USERNAME: 'nopw' })).not.toMatchObject({ code: 0 });
  });
});

needs('redis')('a Sentinel that is named as a Redis', () => {
  let master: RedisServer;
  let sentinel: ServerProcess;
  let port: number;

  beforeAll(async () => {
    master = await startRedis();
    port = await freePort();
    const { path } = await temporaryDirectory('sentinel');
    await writeFile(
      join(path, 'sentinel.conf'),
      `port ${port}\nbind 127.0.0.1\ndir ${path}\nsentinel monitor mymaster 127.0.0.1 ${master.port} 1\n`,
    );
    sentinel = await launch({
      command: 'redis-server',
      args: [join(path, 'sentinel.conf'), '--sentinel'],
      directory: path,
      temporary: true,
      ready: async () => (await ask(port, 'PING\r\n')).startsWith('+PONG'),
    });
  });
  afterAll(async () => {
    await sentinel.stop();
    await master.stop();
  });

  it.each([
    ['cache', 'get', 'k'],
    ['cache', 'set', 'k', 'v'],
    ['cache', 'delete', 'k'],
    ['cache', 'inspect'],
    ['cache', 'flush', '--all', '--dry-run'],
    ['cache', 'cluster', 'status'],
    ['cache', 'queue', 'status'],
  ])('is refused with its master: %s %s %s', async (...argv) => {
    const { code, stderr } = await metrify(argv, {
      env: { METRIFY_REDIS_URL: `redis://127.0.0.1:${port}` },
    });
    expect(code, stderr).toBe(2);
    expect(stderr).toContain(`127.0.0.1:${port} is a Sentinel`);
    expect(stderr).toContain(`mymaster is redis://127.0.0.1:${master.port}`);
  });

  it('fails in doctor', async () => {
    const { code, stdout, stderr } = await metrify(['doctor'], {
      env: { METRIFY_REDIS_URL: `redis://127.0.0.1:${port}` },
    });
    expect(code, stdout + stderr).toBe(3);
    expect(stdout).toContain('is a Sentinel');
  });

  it('has no database', async () => {
    const { code, stderr } = await metrify(['cache', 'get', 'k'], {
      env: { METRIFY_REDIS_URL: `redis://127.0.0.1:${port}/3` },
    });
    expect(code, stderr).toBe(2);
    expect(stderr).toContain('no database 3');
  });
});
