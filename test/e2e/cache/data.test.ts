import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { redisCli } from '../../servers/redis.js';
import { ownDatabase, ownMemcached, ownRedis, type OwnRedis } from '../../servers/shared.js';
import { metrify, shell } from '../run.js';
import { terminal } from '../terminal.js';

/** Bytes of every kind: text with line ends and controls, and such as are no text. */
const bytes = fc
  .oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 30 }).map((text) => new Uint8Array(Buffer.from(text))),
    fc
      .array(fc.constantFrom('\r\n', '\n', '\0', '\x1b[31m', '\x9b', '\u202e', '\\x1b', '"', ' '))
      .map((parts) => new Uint8Array(Buffer.from(parts.join('')))),
  )
  .map((array) => Buffer.from(array));

needs(
  'redis',
  'memcached',
  'postgres',
)('cache get | cache set', () => {
  const levels: Record<string, { env: Record<string, string>; prefix: string }> = {};
  beforeAll(async () => {
    const [redis, memcached, database] = await Promise.all([ownRedis(), ownMemcached(), ownDatabase()]);
    levels['redis'] = { env: { METRIFY_REDIS_URL: redis.url }, prefix: '' };
    levels['memcached'] = {
      env: { METRIFY_MEMCACHED_SERVERS: memcached.urls[0]! },
      prefix: memcached.prefix,
    };
    levels['database'] = { env: { METRIFY_POSTGRES_URL: database.url }, prefix: '' };
  });

  test.each(['redis', 'memcached', 'database'])('is an identity on %s', async (name) => {
    const { env, prefix } = levels[name]!;
    await fc.assert(
      fc.asyncProperty(bytes, async (value) => {
        const script = `metrify cache set ${prefix}from - >&2 && metrify cache get ${prefix}from | metrify cache set ${prefix}to - >&2 && metrify cache get ${prefix}to`;
        const copied = await shell(script, { env, stdin: value });
        expect(copied.code, copied.stderr).toBe(0);
        expect(copied.bytes.toString('hex')).toBe(value.toString('hex'));
      }),
      { numRuns: 8 },
    );
  });
});

needs('redis')('what cache get prints', () => {
  let redis: OwnRedis;
  let env: Record<string, string>;
  let folder: string;
  const cli = (...args: string[]) => redisCli(redis.port, ['-n', String(redis.database), ...args]);
  /** A value by its bytes, which redis-cli reads from its input. */
  const put = (command: string[], value: Uint8Array) =>
    execFileSync('redis-cli', ['-p', String(redis.port), '-n', String(redis.database), '-x', ...command], {
      input: value,
    });
  const get = (...args: string[]) => metrify(['cache', 'get', ...args], { env });
  const wild = Buffer.from('a\x1b[31m\r\n\u009b\u202eb');

  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
    folder = await mkdtemp(join(tmpdir(), 'metrify-data-'));
    put(['SET', 'wild'], wild);
    put(['SET', 'raw'], Buffer.from([0xff, 0x0a, 0x00]));
    await cli('SET', 'empty', '');
    await cli('SET', 'text', 'night');
    await cli('HSET', 'hash', 'kwh', '1.5', '__proto__', 'é');
    await cli('HSET', 'odd', 'kwh', '1.5');
    put(['HSET', 'odd', 'raw'], Buffer.from([0xfe]));
    await cli('RPUSH', 'list', 'a');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('one key: its bytes, into a pipe and into a file', async () => {
    for (const [key, value] of [
      ['wild', wild],
      ['raw', Buffer.from([0xff, 0x0a, 0x00])],
      ['empty', Buffer.alloc(0)],
    ] as const) {
      const piped = await get(key);
      expect(piped).toMatchObject({ code: 0, stderr: '' });
      expect(piped.bytes.equals(value), key).toBe(true);
      const path = join(folder, 'out');
      await shell(`metrify cache get ${key} > ${path}`, { env });
      expect((await readFile(path)).equals(value), key).toBe(true);
    }
  });

  test('a hash: a JSON object of its fields', async () => {
    const { stdout } = await get('hash');
    expect(stdout).toBe('{"kwh":"1.5","__proto__":"é"}');
    const { value } = (await get('hash', '--json')).json().result as { value: object };
    expect(Object.entries(value)).toEqual([
      ['kwh', '1.5'],
      ['__proto__', 'é'],
    ]);
    expect((await get('odd', '--json')).json().result).toMatchObject({
      found: true,
      valueBase64: [
        ['a3do', 'MS41'],
        ['cmF3', '/g=='],
      ],
    });
  });

  test('several keys: a JSON line each, the missing on stderr, exit 3', async () => {
    const { code, stdout, stderr } = await get('text', 'none', 'raw', 'hash', 'wild', 'gone');
    expect(code).toBe(3);
    expect(stdout.split('\n')).toHaveLength(5);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([
      { key: 'text', value: 'night', bytes: 5, ttlMs: -1 },
      { key: 'raw', valueBase64: '/woA', bytes: 3 },
      { key: 'hash', value: { kwh: '1.5' } },
      { key: 'wild', value: wild.toString() },
    ]);
    expect(stdout).not.toMatch(/[\p{Bidi_Control}\x7f-\x9f]/u);
    expect(stderr).toMatch(/^warning: .* has no key 'none'\nwarning: .* has no key 'gone'\n$/);
    expect(await get('text', 'raw')).toMatchObject({ code: 0, stderr: '' });
  });

  test('with -o json the envelope has them, with ndjson the lines, and --quiet takes nothing away', async () => {
    const json = (await get('text', 'none', '--json')).json();
    expect(json).toMatchObject({
      verdict: 'failed',
      exitCode: 3,
      result: { values: [{ key: 'text', value: 'night' }], missing: ['none'] },
      warnings: [expect.stringContaining("'none'")],
    });
    const ndjson = await get('text', '-o', 'ndjson', '-q');
    expect(JSON.parse(ndjson.stdout)).toMatchObject({ key: 'text', value: 'night' });
    expect(JSON.parse(ndjson.stderr)).toMatchObject({ command: 'cache.get', result: { missing: [] } });
    expect((await get('raw', '--json', '-q')).json().result).toMatchObject({ valueBase64: '/woA' });
    expect((await get('text', '-q')).stdout).toBe('night');
  });

  test('a list among several is refused before anything is printed', async () => {
    const { code, stdout, stderr } = await get('text', 'list');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain("'list' is neither a string nor a hash");
  });

  test('a reader that closes gets the exit code of the verdict', async () => {
    put(['SET', 'big'], Buffer.alloc(400_000, 'x'));
    const { stdout, stderr } = await shell(
      `metrify cache get big | head -c 1 | wc -c; echo "\${PIPESTATUS[0]}"
       metrify cache get big big none 2> ${folder}/err | head -c 1 | wc -c; echo "\${PIPESTATUS[0]}"`,
      { env },
    );
    expect(stdout.replace(/ /g, '')).toBe('1\n0\n1\n3\n');
    expect(stderr).toBe('');
  });

  test('a slow reader gets every byte', async () => {
    const value = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) % 251));
    put(['SET', 'large'], value);
    const { bytes: read } = await shell('metrify cache get large | { sleep 1; cat; }', { env });
    expect(read.equals(value)).toBe(true);
  });

  test('keys and values in text are always escaped', async () => {
    const key = 'k\x1b]0;owned\x07\u202e\nx';
    const { stdout } = await metrify(['cache', 'set', key, 'v'], { env });
    expect(stdout).toContain('k\\x1b]0;owned\\x07\\u202e\\x0ax written');
    const { stderr } = await get(`${key}none`);
    expect(stderr).toContain('k\\x1b]0;owned\\x07\\u202e\\x0axnone');
    const inspected = (await metrify(['cache', 'inspect', '--exact'], { env, timeoutMs: 60_000 })).stdout;
    expect(inspected).toContain(String.raw`\x1b]0;owned`);
    expect(inspected).not.toMatch(/[\p{Bidi_Control}\x00-\x09\x0b-\x1f\x7f-\x9f]/u); // eslint-disable-line no-control-regex
    await metrify(['cache', 'delete', key], { env });
  });

  needs('tmux')('on a terminal', () => {
    describe.each([60, 100])('of %i columns', (columns) => {
      test('controls are shown, and the prompt has its own line', async () => {
        const screen = await terminal('metrify cache get wild; echo "exit $?"', { env, columns });
        try {
          const seen = await screen.waitFor(/^exit 0$/m);
          expect(seen).toContain(String.raw`a\x1b[31m\x0d` + '\n' + String.raw`\x9b\u202eb` + '\nexit 0');
          await screen.type('metrify cache get none; echo "exit $?"');
          await screen.press('Enter');
          expect(await screen.waitFor(/^exit 3$/m)).toMatch(/warning: .*/);
        } finally {
          await screen.close();
        }
      });
    });
  });
});
