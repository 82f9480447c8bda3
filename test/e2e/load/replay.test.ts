import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LogCounts } from '../../../src/lib/load/replay/recording.js';
import type { LoadResult } from '../../../src/lib/load/result.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { metrify, startMetrify } from '../run.js';
import { http, listen, loadOnceQuiet } from './run-load.js';

type ReplayResult = LoadResult & { readonly log: LogCounts };

const start = Date.UTC(2026, 9, 10, 13, 55, 36);

/** Milliseconds after the start, to the second, as NGINX has it. */
function coarse(ms: number, target: string, method = 'GET', status = 200): string {
  const [, day, month, year, clock] = /, (\d\d) (\w+) (\d+) (.*) GMT/.exec(
    new Date(start + ms).toUTCString(),
  )!;
  return `10.0.0.1 - - [${day}/${month}/${year}:${clock} +0000] "${method} ${target} HTTP/1.1" ${status} 12 "-" "x"\n`;
}

/** The same with milliseconds, as JSON. */
const fine = (ms: number, target: string, method = 'GET', more: object = {}): string =>
  `${JSON.stringify({ time: new Date(start + ms).toISOString(), method, path: target, status: 200, ...more })}\n`;

interface Seen {
  readonly at: number;
  readonly line: string;
}

/** A server that keeps what it is asked. */
async function recorder(): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const url = await http(({ method, url: path }, response) => {
    seen.push({ at: performance.now(), line: `${method} ${path}` });
    response.end('ok');
  });
  return { url, seen };
}

let folder: TemporaryDirectory;
beforeAll(async () => (folder = await temporaryDirectory('replay')));
afterAll(() => folder.remove());

async function logOf(name: string, content: string | Uint8Array): Promise<string> {
  const file = join(folder.path, name);
  await writeFile(file, content);
  return file;
}

/** One connection keeps the order. */
const replay = (log: string, url: string, seen: Seen[], ...args: string[]) =>
  loadOnceQuiet<ReplayResult>(['replay', log, '--url', url, '--connections', '1', ...args], {
    before: () => seen.splice(0),
  });

describe('load replay', () => {
  it('sends the requests in the order of their times, and leaves out what it says', async () => {
    const { url, seen } = await recorder();
    const log = await logOf(
      'mixed.log',
      [
        fine(100, '/b?x=1'),
        fine(0, '/a'),
        fine(150, '/order', 'POST'),
        fine(200, '/caf%C3%A9'),
        fine(250, '/../../etc/passwd'),
        fine(300, 'http://elsewhere.example/absolute'),
        'no line of a log\n',
        '{"path":"/undated","method":"GET"}\n',
        fine(350, '/d', 'HEAD'),
      ].join(''),
    );
    const { code, result, warnings } = await replay(log, url, seen);
    expect(code).toBe(0);
    expect(seen.map(({ line }) => line)).toEqual([
      'GET /a',
      'GET /b?x=1',
      'GET /caf%C3%A9',
      'GET /absolute',
      'HEAD /d',
    ]);
    expect(result).toMatchObject({
      sent: 5,
      answered: 5,
      unsent: 0,
      log: {
        ...{ read: 9, malformed: 1, requests: 5, disordered: 1, tooLate: 0 },
        skipped: { method: 1, undated: 1, unsafe: 1, host: 0 },
      },
    });
    expect(warnings).toEqual([
      `1 of 9 lines of ${log} could not be read, and were left out`,
      `1 of 9 lines of ${log} have no time that can be read, and were left out`,
      `1 of 9 lines of ${log} have a path that is not sent again, and were left out`,
    ]);
  });

  it('sends the bytes of a path as the client sent them', async () => {
    const heads: string[] = [];
    const server = createTcp((socket) => {
      socket.on('error', () => {});
      socket.on('data', (head) => {
        heads.push(head.toString('utf8'));
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      });
    });
    const url = await listen(server);
    const log = await logOf('bytes.log', fine(0, '/café'));
    const { code } = await loadOnceQuiet(['replay', log, '--url', url]);
    expect(code).toBe(0);
    expect(heads.at(-1)).toMatch(/^GET \/café HTTP\/1.1\r\n/);
  });

  it('sends other methods only when told, and without a body', async () => {
    const lengths: (string | undefined)[] = [];
    const url = await http(({ headers }, response) => {
      lengths.push(headers['content-length']);
      response.end('ok');
    });
    const log = await logOf('methods.log', fine(0, '/a') + fine(1, '/b', 'POST') + fine(2, '/c', 'DELETE'));
    const { result } = await loadOnceQuiet<ReplayResult>(
      ['replay', log, '--url', url, '--connections', '1', '--methods', 'POST'],
      { before: () => lengths.splice(0) },
    );
    expect(lengths).toEqual(['0']);
    expect(result.log.skipped.method).toBe(2);
  });

  it('keeps the distances of the log, and spreads the requests of a second without parts', async () => {
    const { url, seen } = await recorder();
    const log = await logOf(
      'coarse.log',
      [0, 100, 200, 300].map((ms, i) => coarse(ms, `/first/${i}`)).join('') + coarse(2000, '/second'),
    );
    const { result } = await replay(log, url, seen);
    const offsets = seen.map(({ at }) => at - seen[0]!.at);
    [0, 250, 500, 750, 2000].forEach((due, i) => expect(Math.abs(offsets[i]! - due)).toBeLessThan(125));
    expect(result.durationMs).toBe(3000);
    expect(result.targetRate).toBeCloseTo(5 / 3, 3);
  });

  it('goes as much faster as it is told', async () => {
    const { url, seen } = await recorder();
    const log = await logOf(
      'long.log',
      Array.from({ length: 60 }, (_, i) => fine(i * 1000, `/${i}`)).join(''),
    );
    const args = ['--speed', '60x', '--threads', '2', '--connections', '2'];
    const { result } = await loadOnceQuiet<ReplayResult>(['replay', log, '--url', url, ...args], {
      before: () => seen.splice(0),
    });
    expect(result.durationMs).toBe(983);
    expect(seen.at(-1)!.at - seen[0]!.at).toBeLessThan(30_000);
    expect(seen.map(({ line }) => line).sort()).toEqual(
      Array.from({ length: 60 }, (_, i) => `GET /${i}`).sort(),
    );
    expect(result.byName).toMatchObject([{ name: 'GET /{id}', sent: 60 }]);
  });

  it.each([
    ['a pipe', '-', (text: string) => ({ stdin: text })],
    ['a packed file', 'packed.log.gz', () => ({})],
  ])('reads %s', async (_, name, options) => {
    const { url, seen } = await recorder();
    const text = fine(0, '/a') + fine(1, '/b');
    const log = name === '-' ? name : await logOf(name, gzipSync(text));
    const { code } = await loadOnceQuiet(['replay', log, '--url', url, '--connections', '1'], {
      ...options(text),
      before: () => seen.splice(0),
    });
    expect(code).toBe(0);
    expect(seen.map(({ line }) => line)).toEqual(['GET /a', 'GET /b']);
  });

  it('takes only the lines of one site, and names it', async () => {
    const hosts: (string | undefined)[] = [];
    const url = await http(({ headers }, response) => {
      hosts.push(headers.host);
      response.end('ok');
    });
    const log = await logOf(
      'sites.log',
      fine(0, '/a', 'GET', { host: 'one.example' }) + fine(1, '/b', 'GET', { host: 'two.example:8080' }),
    );
    const { result } = await loadOnceQuiet<ReplayResult>(
      ['replay', log, '--url', url, '--host', 'two.example'],
      { before: () => hosts.splice(0) },
    );
    expect(hosts).toEqual(['two.example']);
    expect(result.log.skipped.host).toBe(1);
  });

  it('expects what is below 400, and a client error only where the log had it', async () => {
    const url = await http(({ url: path }, response) => response.writeHead(Number(path!.slice(1))).end());
    const log = await logOf(
      'statuses.log',
      coarse(0, '/404', 'GET', 404) +
        coarse(0, '/404') +
        coarse(0, '/200', 'GET', 404) +
        coarse(0, '/503', 'GET', 503),
    );
    const { result } = await loadOnceQuiet(['replay', log, '--url', url, '--threshold', 'error_rate<10%']);
    expect(result.errors).toMatchObject({ total: 2, byKind: { 'status 404': 1, 'status 503': 1 } });
    expect(result.thresholds[0]).toMatchObject({
      verdict: 'failed',
      observed: expect.stringContaining('2 of 4') as string,
    });
  });

  it.each([
    ['an empty file', 'empty.log', '', 'is empty', 'INPUT_EMPTY'],
    ['an empty packed file', 'empty.log.gz', gzipSync(''), 'is empty', 'INPUT_EMPTY'],
    ['what is no log', 'novel.log', 'Call me Ishmael.\n', 'is not an access log', 'NO_ACCESS_LOG'],
    ['a log of other methods', 'posts.log', coarse(0, '/', 'POST'), 'nothing to replay', 'NOTHING_TO_REPLAY'],
  ])('refuses %s', async (_, name, content, message, code) => {
    const { url, seen } = await recorder();
    const end = await metrify(['load', 'replay', await logOf(name, content), '--url', url, '--json']);
    expect(end.code).toBe(2);
    expect(JSON.parse(end.stderr)).toMatchObject({
      error: { code, message: expect.stringContaining(message) as string },
    });
    expect(seen).toEqual([]);
  });

  it.each([
    [[], '--url is missing'],
    [['--url', 'http://127.0.0.1:1/below'], 'more than a scheme and a host'],
    [['--url', 'http://127.0.0.1:1', '--speed', '0'], 'not a speed'],
    [['--url', 'http://127.0.0.1:1', '--speed', 'fast'], 'not a speed'],
    [['--url', 'http://127.0.0.1:1', '--methods', 'get'], 'not a method'],
    [['--url', 'http://127.0.0.1:1', '--host', 'a b'], 'not a host name'],
  ])('refuses %j: %s', async (args, message) => {
    const log = await logOf('some.log', coarse(0, '/'));
    const end = await metrify(['load', 'replay', log, ...args]);
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(message);
  });

  it('reads no more of an endless log than it needs, and stops with what ran', async () => {
    const { url, seen } = await recorder();
    const running = await startMetrify(['load', 'replay', '-', '--url', url, '--json']);
    // A second of the log is 100 lines; what is ahead of the time is bounded by lines, and by a minute.
    let [written, line] = [0, 0];
    const isTaken = () => {
      const block = Array.from({ length: 1000 }, () => fine(line++ * 10, `/meters/${line}`)).join('');
      written += block.length;
      return running.child.stdin.write(block);
    };
    const mostBytes = 30e6;
    for (let blocked = false; !blocked && written < mostBytes;)
      if (!isTaken()) blocked = !(await Promise.race([once(running.child.stdin, 'drain'), delay(3000)]));
    expect(written).toBeLessThan(mostBytes);
    while (seen.length === 0) await delay(20);
    running.signal('SIGINT');
    const end = await running.finished;
    expect(end.code).toBe(130);
    const { result } = end.json<{ result: ReplayResult }>();
    expect(result.sent).toBe(seen.length);
    expect(result.answered).toBe(seen.length);
  });

  it('that is truncated meanwhile, says so, and gives the result of what was read', async () => {
    const { url, seen } = await recorder();
    const lines = Array.from({ length: 30_000 }, (_, i) => fine(i * 1000, `/${i}`));
    const log = await logOf('growing.log', lines.join(''));
    const running = await startMetrify(['load', 'replay', log, '--url', url, '--speed', '4000x', '--json']);
    while (seen.length === 0) await delay(10);
    await truncate(log, 100);
    const end = await running.finished;
    expect(end.code).toBe(4);
    expect(end.stderr).toContain('"INPUT_CHANGED"');
    const { result } = end.json<{ result: ReplayResult }>();
    expect(result.sent).toBe(result.log.requests);
    expect(result.sent).toBe(seen.length);
  });

  it('exits 5 where nothing answers', async () => {
    const server = createServer();
    const url = await listen(server);
    server.close();
    const log = await logOf('down.log', coarse(0, '/'));
    const end = await metrify(['load', 'replay', log, '--url', url]);
    expect(end.code).toBe(5);
    expect(end.stderr).toContain('was answered: it refused the connection');
  });
});
