import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { startNginx, type NginxServer } from '../../servers/nginx.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { metrify, shell } from '../run.js';

const line = (target: string, method = 'GET') =>
  `10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "${method} ${target} HTTP/1.1" 200 12 "-" "Mozilla/5.0"\n`;

let folder: TemporaryDirectory;
let log: string;
beforeAll(async () => {
  folder = await temporaryDirectory('access-log');
  log = join(folder.path, 'access.log');
  await writeFile(
    log,
    [
      ...Array.from({ length: 6 }, (_, i) => line('/meters?page=1').repeat(i + 1)),
      line('/caf\xc3\xa0').repeat(3),
      line('/reset?token=s3cret&x=1', 'HEAD').repeat(2),
      line('http://192.0.2.1/absolute'),
      line('/admin/delete?id=1'),
      line('/../../etc/passwd'),
      line('/order', 'POST'),
      'no line of a log\n',
    ].join(''),
    'latin1',
  );
});
afterAll(() => folder.remove());

needs('nginx')('cache warm --access-log', () => {
  /** A cache and, behind it, another server of the same kind. */
  let app: NginxServer;
  let cache: NginxServer;
  beforeAll(async () => {
    app = await startNginx({ server: `location / { return 200 'meters'; expires 1m; }` });
    cache = await startNginx({
      http: 'proxy_cache_path $DIR/cache keys_zone=zone:1m;',
      server: `add_header X-Cache-Status $upstream_cache_status; location / { proxy_pass ${app.url}; proxy_cache zone; }`,
    });
  });
  afterAll(async () => {
    await cache.stop();
    await app.stop();
  });

  const args = (...more: string[]) => ['cache', 'warm', '--access-log', log, '--url', cache.url, ...more];

  test('--dry-run says what it would ask for, and asks for nothing', async () => {
    const before = await cache.lines();
    const planned = await metrify(args('--dry-run', '--json', '--max-paths', '2'));
    expect(planned.code, planned.stderr).toBe(0);
    expect(planned.json()).toMatchObject({
      verdict: 'planned',
      result: {
        read: 31,
        distinct: 5,
        toRequest: 2,
        malformed: 1,
        skipped: { method: 1, unsafe: 1 },
        first: [
          { path: '/meters?page=1', count: 21, method: 'GET' },
          { path: '/cafà', count: 3 },
        ],
      },
    });
    const text = await metrify(args('--dry-run'));
    expect(text.stdout).toContain('/meters?page=1');
    expect(text.stdout + text.stderr).not.toContain('s3cret');
    expect(await cache.lines()).toEqual(before);
  });

  test('fills the cache, once a path, and gives the hit ratio before and after', async () => {
    const before = (await cache.lines()).length;
    const finished = await metrify(args('--json', '--exclude', '/admin/*', '--verify', 'all'));
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json()).toMatchObject({
      verdict: 'ok',
      result: {
        ...{ requested: 4, variants: 0, ok: 4, failed: 0, bytes: 18 },
        hitRatio: { before: 0, after: 1, header: 'x-cache-status', sampled: 4 },
        skipped: { excluded: 1 },
      },
      warnings: [expect.stringContaining('1 of 31 lines')],
    });
    await until('the log is written', async () => (await cache.lines()).length >= before + 8);
    const asked = (await cache.lines()).slice(before).map((text) => /"(.*?)" 200/.exec(text)?.[1]);
    expect(asked.slice(0, 4).sort()).toEqual(
      [
        'GET /absolute HTTP/1.1',
        'GET /caf\\xC3\\xA0 HTTP/1.1',
        'GET /meters?page=1 HTTP/1.1',
        'HEAD /reset?token=s3cret&x=1 HTTP/1.1',
      ].sort(),
    );
    expect(await app.lines()).toHaveLength(4);
    for (const text of (await cache.lines()).slice(before)) expect(text).toContain('"metrify/');
  });

  test('takes a log from a pipe, and its text for people shows both ratios', async () => {
    const finished = await shell(
      `metrify cache warm --access-log <(cat "$LOG") --url ${cache.url} --max-paths 1`,
      { env: { LOG: log } },
    );
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.stdout).toMatch(/hit ratio before +100\.0%/);
    expect(finished.stdout).toMatch(/hit ratio after +100\.0%, 1 paths? asked again/);
  });

  test('a server without a cache header: no ratio, and a warning how to get one', async () => {
    const finished = await metrify(['cache', 'warm', '--access-log', app.log, '--url', app.url, '--json']);
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result.hitRatio).toEqual({ before: null, after: null, header: null, sampled: 0 });
    expect(finished.json().warnings.join()).toContain('add_header X-Cache-Status');
  });
});

describe('what is refused before anything is asked for, exit 2', () => {
  const refused: [why: string, args: string[], says: RegExp][] = [
    ['no --url', [], /--url is missing/],
    ['no URL', ['--url', 'localhost:8080'], /no http/],
    ['another scheme', ['--url', 'file:///etc/passwd'], /no http/],
    ['a path', ['--url', 'http://127.0.0.1/app'], /more than a scheme and a host/],
    ['a user', ['--url', 'http://me@127.0.0.1/'], /holds a user/],
    ['a password', ['--url', 'http://me:secret@127.0.0.1/'], /password/],
    [
      'a flag of the other form',
      ['--url', 'http://127.0.0.1:9', '--key', 'a'],
      /--key does not go with --access-log/,
    ],
    ['a host that smuggles', ['--url', 'http://127.0.0.1:9', '--host', 'a\r\nx: y'], /no host name/],
  ];
  test.each(refused)('%s', async (_, args, says) => {
    const finished = await metrify(['cache', 'warm', '--access-log', log, ...args]);
    expect(finished.code).toBe(2);
    expect(finished.stderr).toMatch(says);
  });

  test('--url without a log', async () => {
    const finished = await metrify(['cache', 'warm', '--url', 'http://127.0.0.1:9']);
    expect(finished.code).toBe(2);
    expect(finished.stderr).toContain('--url goes with --access-log');
  });

  test.each([
    ['is not there', undefined, /does not exist/],
    ['is empty', '', /is empty/],
    ['is no log', 'a,b\n1,2\n', /is not an access log/],
    ['is a picture', '\x89PNG\r\n\x1a\n\0\0\0', /is not an access log/],
  ])('a log that %s', async (name, content, says) => {
    const file = join(folder.path, name.replaceAll(' ', '-'));
    if (content !== undefined) await writeFile(file, content, 'latin1');
    const finished = await metrify(['cache', 'warm', '--access-log', file, '--url', 'http://127.0.0.1:9']);
    expect(finished.code).toBe(2);
    expect(finished.stderr).toMatch(says);
  });

  test('a packed log that is cut off', async () => {
    const file = join(folder.path, 'cut.log.gz');
    const { gzipSync } = await import('node:zlib');
    await writeFile(file, gzipSync(await readFile(log)).subarray(0, 60));
    const finished = await metrify(['cache', 'warm', '--access-log', file, '--url', 'http://127.0.0.1:9']);
    expect(finished.code).toBe(2);
    expect(finished.stderr).toMatch(/gzip/);
  });
});
