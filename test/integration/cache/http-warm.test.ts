import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { tallyLog, type TallyOptions } from '../../../src/lib/cache/http-warm/log-tally.js';
import {
  warmHttp,
  type HttpWarmPlan,
  type HttpWarmResult,
} from '../../../src/lib/cache/http-warm/warm-http.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { silentProgress } from '../../../src/lib/core/progress.js';
import { openLog } from '../../../src/lib/access-log/file.js';
import { needs } from '../../servers/needs.js';
import { startNginx } from '../../servers/nginx.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { startVarnish } from '../../servers/varnish.js';

let folder: TemporaryDirectory;
const stops: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  folder = await temporaryDirectory('http-warm');
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await folder.remove();
});

/** The application behind the caches, which counts what reaches it. */
async function origin(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const nginxCache = (target: string) => ({
  http: `proxy_cache_path $DIR/cache keys_zone=zone:1m;
    log_format variants '$request|$http_accept_encoding|$http_accept_language|$upstream_cache_status';`,
  logFormat: 'variants',
  server: `add_header X-Cache-Status $upstream_cache_status;
    location / { proxy_pass ${target}; proxy_cache zone; proxy_http_version 1.1; proxy_set_header Connection ""; }`,
});

const logLine = (target: string, method = 'GET', status = 200) =>
  `10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "${method} ${target} HTTP/1.1" ${status} 12 "-" "Mozilla/5.0"`;

async function tally(lines: string[], options: Partial<TallyOptions> = {}) {
  const file = join(folder.path, 'access.log');
  await writeFile(file, `${lines.join('\n')}\n`, 'latin1');
  const log = await openLog(file);
  const { signal } = new AbortController();
  return tallyLog(log, { exclude: () => false, signal, progress: silentProgress, ...options });
}

async function warm(
  base: string,
  lines: string[],
  plan: Partial<HttpWarmPlan> = {},
): Promise<HttpWarmResult> {
  const { paths, tally: log } = await tally(lines);
  return warmHttp(
    {
      base: new URL(base),
      origin: { connections: 4, userAgent: 'metrify', connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
      ...{ log, paths, sample: 200, ...plan },
    },
    {
      clock: systemClock,
      signal: new AbortController().signal,
      progress: silentProgress,
      started: () => undefined,
    },
  );
}

const repeat = (count: number, line: string) => Array.from({ length: count }, () => line);

/** Path k stands in the log 40 ÷ k times: 30 paths. */
const zipf = Array.from({ length: 30 }, (_, i) =>
  repeat(Math.ceil(40 / (i + 1)), logLine(`/m/${i + 1}?q=a%20b`)),
).flat();

needs('nginx')('an NGINX cache', () => {
  test('is asked for each path once, most frequent first, and the hit ratio is weighted by the log', async () => {
    const app = await origin((_, response) => response.setHeader('cache-control', 'max-age=60').end('body'));
    const nginx = await startNginx(nginxCache(app.url));
    stops.push(() => nginx.stop());
    // Two of the paths are warm already: 40 and 4 of the log's requests.
    for (const warmed of [1, 10]) await (await fetch(`${nginx.url}/m/${warmed}?q=a%20b`)).text();
    const before = (await nginx.lines()).length;

    const result = await warm(
      nginx.url,
      [...zipf, ...repeat(50, logLine('/posted', 'POST')), ...repeat(50, logLine('/lost', 'GET', 404))],
      {
        sample: 0,
        origin: { connections: 1, userAgent: 'metrify', connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
      },
    );
    await until('the log is written', async () => (await nginx.lines()).length >= before + 30);
    const asked = (await nginx.lines()).slice(before).map((line) => line.split(' ')[1]);
    expect(asked).toEqual(Array.from({ length: 30 }, (_, i) => `/m/${i + 1}?q=a%20b`));
    expect(new Set(app.seen).size).toBe(app.seen.length);
    expect(result).toMatchObject({
      requested: 30,
      variants: 0,
      ok: 30,
      failed: 0,
      notCacheable: 0,
      bytes: 30 * 4,
    });
    expect(result.skipped).toMatchObject({ method: 50, status: 50 });
    expect(result.hitRatio.before).toBeCloseTo(44 / zipf.length, 10);
  });

  test('gives hits only afterwards', async () => {
    const app = await origin((_, response) => response.setHeader('cache-control', 'max-age=60').end('body'));
    const nginx = await startNginx(nginxCache(app.url));
    stops.push(() => nginx.stop());
    const result = await warm(nginx.url, zipf);
    expect(result.hitRatio).toEqual({ before: 0, after: 1, header: 'x-cache-status', sampled: 30 });
    expect(app.seen).toHaveLength(30);
    const again = await warm(nginx.url, zipf);
    expect(again.hitRatio.before).toBe(1);
    expect(app.seen).toHaveLength(30);
  });

  test('is asked for the variants of its answers as the log shows them', async () => {
    const app = await origin((request, response) => {
      response.setHeader('cache-control', 'max-age=60');
      if (request.url !== '/plain')
        response.setHeader('vary', 'Accept-Encoding, Accept-Language, User-Agent');
      response.end('body');
    });
    const nginx = await startNginx(nginxCache(app.url));
    stops.push(() => nginx.stop());
    const json = (path: string, encoding: string, language: string) =>
      JSON.stringify({
        request: `GET ${path} HTTP/1.1`,
        status: 200,
        http_accept_encoding: encoding,
        http_accept_language: language,
      });
    const clients: [encoding: string, language: string, times: number][] = [
      ['gzip', 'de', 3],
      ['gzip, br', 'de', 5],
      ['', 'fr', 1],
    ];
    const lines = ['/plain', '/varied'].flatMap((path) =>
      clients.flatMap(([encoding, language, times]) => repeat(times, json(path, encoding, language))),
    );
    const result = await warm(nginx.url, lines, { sample: 0 });
    await until('the log is written', async () => (await nginx.lines()).length >= 4);
    const asked = (await nginx.lines()).map((line) => line.replace(/ HTTP\/1.1/, ''));
    // The most frequent client's headers come first; NGINX logs a header that is not there as '-'.
    expect(asked.sort()).toEqual(
      [
        'GET /plain|gzip, br|de|MISS',
        'GET /varied|gzip, br|de|MISS',
        'GET /varied|gzip|de|MISS',
        'GET /varied|-|fr|MISS',
      ].sort(),
    );
    expect(result).toMatchObject({ requested: 2, variants: 2, ok: 4, distinct: 2 });
  });

  test('answers with Vary: Accept-Encoding are asked for in the usual encodings when the log has none', async () => {
    const app = await origin((_, response) => {
      response.setHeader('cache-control', 'max-age=60').setHeader('vary', 'Accept-Encoding').end('body');
    });
    const nginx = await startNginx(nginxCache(app.url));
    stops.push(() => nginx.stop());
    expect(await warm(nginx.url, [logLine('/a'), logLine('/b', 'HEAD')], { sample: 0 })).toMatchObject({
      variants: 6,
    });
    await until('the log is written', async () => (await nginx.lines()).length >= 8);
    const lines = await nginx.lines();
    expect(lines).toHaveLength(8);
    expect(new Set(lines).size).toBe(8);
    expect(lines.filter((line) => line.startsWith('HEAD /b'))).toHaveLength(4);
    expect(lines.filter((line) => line.startsWith('GET /a HTTP/1.1|-|'))).toHaveLength(1);
  });

  test('says what is not to be cached, and what is gone', async () => {
    const app = await origin((request, response) => {
      if (request.url === '/private') response.setHeader('cache-control', 'private');
      if (request.url === '/gone') response.statusCode = 404;
      if (request.url === '/broken') response.statusCode = 500;
      if (request.url === '/moved') response.writeHead(302, { location: 'http://192.0.2.1/elsewhere' });
      response.end('body');
    });
    const nginx = await startNginx(nginxCache(app.url));
    stops.push(() => nginx.stop());
    const lines = ['/private', '/gone', '/broken', '/moved', '/fine'].map((path) => logLine(path));
    const result = await warm(nginx.url, lines);
    expect(result).toMatchObject({ requested: 5, ok: 3, gone: 1, failed: 1, notCacheable: 1 });
    expect(result.statuses).toEqual({ 200: 2, 302: 1, 404: 1, 500: 1 });
    expect(result.failures).toEqual([{ reason: 'HTTP 500', count: 1, example: '/broken' }]);
  });

  test('is asked at the pace given', async () => {
    const app = await origin((_, response) => response.setHeader('cache-control', 'max-age=60').end());
    const nginx = await startNginx(nginxCache(app.url));
    stops.push(() => nginx.stop());
    const started = performance.now();
    await warm(nginx.url, zipf, { rate: 30, sample: 0 });
    expect(performance.now() - started).toBeGreaterThan(900);
  });
});

needs('varnish')('a Varnish cache', () => {
  test('is warm afterwards, by its own counters, and its own log can be read back', async () => {
    const app = await origin((_, response) => response.setHeader('cache-control', 'max-age=60').end('body'));
    const varnish = await startVarnish(app.url);
    stops.push(() => varnish.stop());
    const result = await warm(varnish.url, zipf);
    expect(result).toMatchObject({ requested: 30, ok: 30, failed: 0 });
    expect(result.hitRatio).toEqual({ before: 0, after: 1, header: 'x-varnish', sampled: 30 });
    expect([await varnish.counter('MAIN.cache_miss'), await varnish.counter('MAIN.cache_hit')]).toEqual([
      30, 30,
    ]);

    // Its log has absolute targets with the host as the client wrote it.
    const lines = (await varnish.log()).filter((line) => line.includes('GET http://'));
    expect(lines).toHaveLength(60);
    const read = await tally(lines);
    expect(read.paths.map(({ path, count }) => [path, count]).sort()).toEqual(
      Array.from({ length: 30 }, (_, i) => [`/m/${i + 1}?q=a%20b`, 2]).sort(),
    );
    expect(read.tally.hosts).toEqual([`127.0.0.1:${varnish.port}`]);
  });
});

test('paths are as frequent as counting one by one says, in a packed log of many chunks as well', async () => {
  const lines = Array.from({ length: 30_000 }, (_, i) =>
    logLine(`/p/${(i * i) % 977}?${'x'.repeat(i % 50)}`),
  );
  const truth = new Map<string, number>();
  for (const line of lines) {
    const path = line.split(' ')[6]!;
    truth.set(path, (truth.get(path) ?? 0) + 1);
  }
  const file = join(folder.path, 'access.log.gz');
  await writeFile(file, gzipSync(lines.join('\r\n'), { level: 1 }));
  const { signal } = new AbortController();
  const { paths, tally: read } = await tallyLog(await openLog(file), {
    ...{ signal, exclude: () => false, progress: silentProgress },
  });
  expect(read).toMatchObject({ read: 30_000, malformed: 0, requests: 30_000, exact: true });
  expect(new Map(paths.map(({ path, count }) => [path, count]))).toEqual(truth);
  expect(paths.map(({ count }) => count)).toEqual([...truth.values()].sort((a, b) => b - a));
});

test('a log with more paths than memory still gives the frequent ones', async () => {
  const rare = Array.from({ length: 20_000 }, (_, i) => logLine(`/rare/${i}`));
  const lines = rare.flatMap((line, i) => (i % 4 === 0 ? [line, logLine(`/often/${(i / 4) % 10}`)] : [line]));
  const { paths, tally: read } = await tally(lines, { maxKeys: 500 });
  expect(read.exact).toBe(false);
  expect(read.distinct).toBe(500);
  expect(read.maxError).toBeLessThanOrEqual(lines.length / 500);
  expect(new Set(paths.slice(0, 10).map(({ path }) => path))).toEqual(
    new Set(Array.from({ length: 10 }, (_, i) => `/often/${i}`)),
  );
});

test('requests carry the site that was asked for, no credentials, and go over few connections', async () => {
  const ports = new Set<number | undefined>();
  const headers: IncomingMessage['headers'][] = [];
  const app = await origin((request, response) => {
    ports.add(request.socket.remotePort);
    headers.push(request.headers);
    response.end('x');
  });
  await warm(app.url, zipf, {
    origin: {
      ...{ host: 'shop.example', connections: 3, userAgent: 'metrify' },
      ...{ connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
    },
  });
  expect(headers).toHaveLength(30);
  for (const sent of headers)
    expect(sent).toEqual({
      ...{ host: 'shop.example', accept: '*/*', 'user-agent': 'metrify', connection: 'keep-alive' },
      'accept-encoding': 'gzip, deflate, br, zstd',
    });
  expect(ports.size).toBeLessThanOrEqual(3);
});

test('of a log of several sites, those of one can be picked', async () => {
  const lines = [logLine('http://a.example/x'), logLine('http://b.example:8080/y'), logLine('/z')];
  const { paths, tally: read } = await tally(lines, { host: 'b.example' });
  expect(paths.map(({ path }) => path)).toEqual(['/y', '/z']);
  expect(read.skipped.host).toBe(1);
});

test('a line without end is one unreadable line, and takes no memory', async () => {
  const { tally: read, paths } = await tally([
    logLine('/a'),
    'x'.repeat(3_000_000),
    logLine('/b'),
    '',
    'junk',
  ]);
  expect(read).toMatchObject({ read: 4, malformed: 2, requests: 2 });
  expect(paths.map(({ path }) => path)).toEqual(['/a', '/b']);
});
