import { beforeAll, describe, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import {
  ownDatabase,
  type OwnDatabase,
  ownMemcached,
  ownRedis,
  type OwnRedis,
} from '../../servers/shared.js';
import { metrify, shell } from '../run.js';
import { converse, memcachedGet } from './memcached-probe.js';
import { Probe } from './redis-probe.js';

/** Names as the latin-1 of their bytes, with the text in which they are shown and typed. */
const odd: [bytes: string, text: string][] = [
  ['\xac\xed\x00\x05t\x00\x07session', String.raw`\xac\xed\x00\x05t\x00\x07session`],
  ['u:\x92\xb5127.0.0.1:5000/admin/\xc0', String.raw`u:\x92\xb5127.0.0.1:5000/admin/\xc0`],
  ['two\nlines', String.raw`two\x0alines`],
  ['tab\tkey', String.raw`tab\x09key`],
  ['esc\x1b[31m', String.raw`esc\x1b[31m`],
  ['bidi\xe2\x80\xaekey', 'bidi\\u202ekey'],
  ['c1\xc2\x9bkey', String.raw`c1\xc2\x9bkey`],
  ['replaced\xef\xbf\xbd', String.raw`replaced\xef\xbf\xbd`],
  ['back\\x41', String.raw`back\\x41`],
  ['back\\\\slashes\\', 'back\\\\\\slashes\\'],
  ['App\\Models\\User', String.raw`App\Models\User`],
  ['glob*?[a]', 'glob*?[a]'],
  ['{a}b c', '{a}b c'],
  ['umlaut\xc3\xa4\xf0\x9f\x98\x80', 'umlautä😀'],
  ['-dash', '-dash'],
  ['--help', '--help'],
];
const texts = odd.map(([, text]) => text);

interface Inspected {
  prefixes: { prefix: string; keys: number }[];
  bigKeys: { key: string }[];
}

needs('redis')('in Redis', () => {
  let redis: OwnRedis;
  let env: Record<string, string>;
  const run = (...args: string[]) => metrify(args, { env });
  const probe = <T>(use: (probe: Probe) => Promise<T>) => Probe.with(redis.port, redis.database, use);

  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
    await probe((one) => one.askAll(odd.map(([key], i) => ['SET', key, `value ${i}`])));
  });

  it('every key is shown in a text that get takes', async () => {
    const inspected = (await run('cache', 'inspect', '--top', '100', '--json')).json<{ result: Inspected }>();
    expect(inspected.result.bigKeys.map(({ key }) => key).sort()).toEqual([...texts].sort());

    const { code, stdout } = await run('cache', 'get', '--', ...texts);
    expect(code).toBe(0);
    const found = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(found.map(({ key, value }) => [key, value])).toEqual(texts.map((text, i) => [text, `value ${i}`]));
  });

  it('every glob that inspect prints is one that matches what it counted', async () => {
    const { prefixes } = (await run('cache', 'inspect', '--json')).json<{ result: Inspected }>().result;
    expect(prefixes.reduce((sum, { keys }) => sum + keys, 0)).toBe(odd.length);
    for (const { prefix, keys } of prefixes) {
      const dry = await run('cache', 'flush', '--dry-run', '--json', `--pattern=${prefix}`);
      expect(dry.json().result, prefix).toMatchObject({ matched: keys, byPrefix: [{ prefix, keys }] });
    }
  });

  it('a table has the same text, a line a key', async () => {
    const { stdout } = await run('cache', 'inspect', '--top', '100');
    const bigKeys = stdout.slice(stdout.indexOf('big keys')).split('\n');
    for (const text of texts) expect(bigKeys.filter((line) => line.startsWith(`${text}  `))).toHaveLength(1);
  });

  it('every key can be deleted and set by its text', async () => {
    // Each is two processes.
    for (const [i, [key, text]] of [...odd.entries()].filter(([place]) => place % 3 === 0)) {
      const removed = await run('cache', 'delete', '--json', '--', text);
      expect(removed.json().result).toMatchObject({ key: text, deleted: true });
      expect(await probe((one) => one.ask('EXISTS', key))).toBe(0);
      const set = await run('cache', 'set', '--json', '--', text, `value ${i}`);
      expect(set.json().result).toMatchObject({ key: text });
      expect(await probe((one) => one.ask('GET', key))).toBe(`value ${i}`);
    }
    expect(await probe((one) => one.ask('DBSIZE'))).toBe(odd.length);
  });

  it('a key that is not there is named in its text', async () => {
    const { code, stderr } = await run('cache', 'get', String.raw`no\xff`);
    expect(code).toBe(3);
    expect(stderr).toContain(String.raw`no key 'no\xff'`);
  });
});

describe('arguments that are not UTF-8', () => {
  const bytes = String.raw`$'u:\x92\xb5'`;
  it.each([
    `get ${bytes}`,
    `get good ${bytes}`,
    `set ${bytes} v`,
    `delete ${bytes}`,
    `flush --pattern ${bytes}'*' --dry-run`,
    `inspect --pattern ${bytes}'*'`,
    `queue retry ${bytes}`,
    `queue drop ${bytes}`,
    `warm --stdin --key ${bytes}'{id}'`,
    `warm --access-log /dev/null --url http://127.0.0.1:1 --exclude ${bytes}`,
    `set key $'\\xff'`,
  ])('metrify cache %s: exit 2, with the way to write it', async (command) => {
    const { code, stdout, stderr } = await shell(`metrify cache ${command}`, {
      env: { METRIFY_REDIS_URL: 'redis://127.0.0.1:1' },
    });
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('not UTF-8');
    expect(stderr).toMatch(command.startsWith('set key') ? /standard input/ : /\\xHH/);
  });
});

describe('an empty pattern', () => {
  it.each([
    ['flush', '--dry-run'],
    ['flush', '--confirm', 'default/redis@127.0.0.1:1'],
    ['inspect', '--exact'],
  ])('of %s %s is refused', async (...argv) => {
    const { code, stderr } = await metrify(['cache', ...argv, '--pattern', ''], {
      env: { METRIFY_REDIS_URL: 'redis://127.0.0.1:1' },
    });
    expect(code, stderr).toBe(2);
    expect(stderr).toContain('--pattern');
    expect(stderr).toContain('matches no key');
  });
});

needs('memcached')('in Memcached', () => {
  it('what inspect prints is what get, delete and flush take', async () => {
    const { urls, prefix } = await ownMemcached();
    const env = { METRIFY_MEMCACHED_SERVERS: urls[0]! };
    const run = (...args: string[]) => metrify([...args, '--level', 'memcached'], { env });
    const keys: [bytes: string, text: string][] = [
      [`${prefix}\x92\xb5/\xc0`, String.raw`${prefix}\x92\xb5/\xc0`],
      [`${prefix}c1\xc2\x9b`, String.raw`${prefix}c1\xc2\x9b`],
      [`${prefix}back\\x41`, String.raw`${prefix}back\\x41`],
      [`${prefix}\xc3\xa4*`, `${prefix}ä*`],
    ];
    for (const [key] of keys) await converse(urls[0]!, `set ${key} 0 0 1\r\nv\r\n`);

    const args = ['--pattern', `${prefix}*`, '--exact', '--top', '100', '--json'];
    const { result } = (await run('cache', 'inspect', ...args)).json<{ result: Inspected }>();
    expect(result.bigKeys.map(({ key }) => key).sort()).toEqual(keys.map(([, text]) => text).sort());
    for (const shape of result.prefixes) {
      const dry = await run('cache', 'flush', '--dry-run', '--json', '--pattern', shape.prefix);
      expect(dry.json().result, shape.prefix).toMatchObject({ matched: shape.keys });
    }
    for (const [key, text] of keys) {
      expect(await run('cache', 'get', text)).toMatchObject({ code: 0, stdout: 'v' });
      expect((await run('cache', 'delete', '--json', text)).json().result).toMatchObject({ deleted: true });
      expect(await memcachedGet(urls[0]!, [key])).toEqual(new Map());
    }
  });
});

needs('postgres')('in the database level', () => {
  let database: OwnDatabase;
  const run = (...args: string[]) =>
    metrify([...args, '--level', 'database'], { env: { METRIFY_POSTGRES_URL: database.url } });

  it('what inspect prints is what get, delete and flush take', async () => {
    database = await ownDatabase();
    const keys: [name: string, text: string][] = [
      ['two\nlines', String.raw`two\x0alines`],
      ['bidi\u202e', 'bidi\\u202e'],
      ['back\\x41', String.raw`back\\x41`],
    ];
    for (const [, text] of keys) expect(await run('cache', 'set', text, 'v')).toMatchObject({ code: 0 });
    const rows = await database.sql('SELECT key FROM metrify_cache');
    expect(rows.map(({ key }) => key as string).sort()).toEqual(keys.map(([name]) => name).sort());

    const inspected = await run('cache', 'inspect', '--exact', '--top', '100', '--json');
    const { result } = inspected.json<{ result: Inspected }>();
    expect(result.bigKeys.map(({ key }) => key).sort()).toEqual(keys.map(([, text]) => text).sort());
    for (const shape of result.prefixes) {
      const dry = await run('cache', 'flush', '--dry-run', '--json', '--pattern', shape.prefix);
      expect(dry.json().result, shape.prefix).toMatchObject({ matched: shape.keys });
    }
    for (const [, text] of keys)
      expect((await run('cache', 'delete', '--json', text)).json().result).toMatchObject({ deleted: true });
    expect(await database.sql('SELECT key FROM metrify_cache')).toEqual([]);
  });

  it('a key that is not text is in no row, and is refused by name', async () => {
    expect(await run('cache', 'get', String.raw`\xff`)).toMatchObject({ code: 3 });
    const { code, stderr } = await run('cache', 'set', String.raw`\xff`, 'v');
    expect(code, stderr).not.toBe(0);
    expect(stderr).toContain(String.raw`'\xff'`);
  });
});

needs('redis')("metrify's own keys", () => {
  let redis: OwnRedis;
  const run = (args: string[], stdin = '') => metrify(args, { env: { METRIFY_REDIS_URL: redis.url }, stdin });
  const keys = () => Probe.with(redis.port, redis.database, (probe) => probe.ask('KEYS', '*'));

  beforeAll(async () => {
    redis = await ownRedis();
  });

  it.each([
    ['cache', 'set', 'metrify:hello', 'x'],
    ['cache', 'set', '{metrify:q}:hello', 'x'],
    ['cache', 'set', String.raw`\x6detrify:v:a`, 'x'],
    ['cache', 'delete', 'metrify:hello'],
    ['cache', 'warm', '--stdin', '--key', 'metrify:{id}'],
    ['cache', 'warm', '--stdin', '--key', '{{metrify:{id}}}'],
  ])('are not written: %s %s %s %s', async (...argv) => {
    const { code, stderr } = await run(argv, '{"id":1}\n');
    expect(code, stderr).toBe(4);
    expect(stderr).toContain("one of metrify's own keys");
    expect(await keys()).toEqual([]);
  });

  it('a row whose key would be one fails, and the others are written', async () => {
    const { code, json } = await run(
      ['cache', 'warm', '--stdin', '--key', '{id}', '--verify', '10', '--json'],
      '{"id":"metrify:v:{a}"}\n{"id":"a"}\n',
    );
    expect(code).toBe(6);
    expect(json().result).toMatchObject({
      written: 1,
      failed: 1,
      failures: [{ reason: "the key is one of metrify's own", firstLine: 1 }],
      verified: { checked: 1, mismatched: 0, missing: 0 },
    });
    expect(await keys()).toEqual(['a']);
  });

  it('can be looked at', async () => {
    expect(await run(['cache', 'get', 'metrify:hello'])).toMatchObject({ code: 3 });
  });
});
