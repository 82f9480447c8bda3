import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { appendFile, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { startNginx } from '../../servers/nginx.js';
import { freePort, until } from '../../servers/ports.js';
import { freeze, temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { type Finished, metrify, startMetrify, type Running } from '../run.js';

const line = (target: string) =>
  `10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET ${target} HTTP/1.1" 200 12 "-" "Mozilla/5.0"\n`;

let folder: TemporaryDirectory;
const stops: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  folder = await temporaryDirectory('http-faults');
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => folder.remove());

let logs = 0;
async function logOf(...targets: string[]): Promise<string> {
  const file = join(folder.path, `${++logs}.log`);
  await writeFile(file, targets.map(line).join(''));
  return file;
}

async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(async () => {
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const http = (listener: RequestListener) => listening(createHttpServer(listener));
/** A server that answers each request on a connection with raw bytes. */
const raw = (answer: (socket: Socket, path: string) => void) =>
  listening(
    createServer((socket) =>
      socket.on('data', (data) => answer(socket, /^[A-Z]+ (\S+)/.exec(data.toString())?.[1] ?? '')),
    ),
  );

const args = (log: string, url: string, ...more: string[]) => [
  ...['cache', 'warm', '--access-log', log, '--url', url, '--json', ...more],
];
const hurried = { env: { METRIFY_REQUEST_TIMEOUT: '4s', METRIFY_CONNECT_TIMEOUT: '4s' } };
const paths = (count: number) => Array.from({ length: count }, (_, i) => `/m/${i + 1}`);
const fine = (path: string) =>
  `HTTP/1.1 200 OK\r\nX-Cache: MISS\r\nContent-Length: ${path.length}\r\n\r\n${path}`;

test('nobody at the address: exit 5 at once, and nothing was applied', async () => {
  // Waiting for it would take longer than the test may.
  const patient = { env: { METRIFY_REQUEST_TIMEOUT: '10m', METRIFY_CONNECT_TIMEOUT: '10m' } };
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const finished = await metrify(args(await logOf(...paths(5)), nobody), patient);
  expect(finished.code).toBe(5);
  expect(finished.stderr).toMatch(/cannot be reached: connection refused/);
  expect(finished.stdout).toBe('');
});

test('a name that nobody has: exit 5', async () => {
  const finished = await metrify(args(await logOf('/a'), 'http://nobody.invalid'));
  expect(finished.code).toBe(5);
  expect(finished.stderr).toContain('cannot be reached');
});

needs('nginx')('an NGINX that is killed in the middle', () => {
  const start = () =>
    startNginx({ server: `location / { add_header X-Cache-Status MISS; return 200 'x'; }` });

  test('and comes back is gone on with: every path is answered', async () => {
    const nginx = await start();
    stops.push(() => nginx.stop());
    const running = await startMetrify(
      args(await logOf(...paths(900)), nginx.url, '--rate', '150', '--verify', '1'),
    );
    await until('some are answered', async () => (await nginx.lines()).length > 100);
    await nginx.kill();
    await delay(700);
    await nginx.restart();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result).toMatchObject({ requested: 900, ok: 900, failed: 0 });
    const asked = new Set((await nginx.lines()).map((text) => text.split(' ')[6]));
    expect([...asked].sort()).toEqual(paths(900).sort());
  });

  test('and stays away: exit 5 after a while, with what was done', async () => {
    const nginx = await start();
    stops.push(() => nginx.stop());
    const running = await startMetrify(
      args(await logOf(...paths(3000)), nginx.url, '--rate', '150'),
      hurried,
    );
    await until('some are answered', async () => (await nginx.lines()).length > 100);
    await nginx.kill();
    const finished = await running.finished;
    expect(finished.code).toBe(5);
    expect(finished.stderr).toMatch(/cannot be reached/);
    const { result } = finished.json();
    expect(result.ok).toBeGreaterThanOrEqual(100);
    expect(result.ok).toBeLessThan(3000);
  });

  test('Ctrl-C: exit 130, with what was asked for so far', async () => {
    const nginx = await start();
    stops.push(() => nginx.stop());
    const running = await startMetrify(
      args(await logOf(...paths(3000)), nginx.url, '--rate', '100', '--concurrency', '32'),
    );
    await until('some are answered', async () => (await nginx.lines()).length > 50);
    running.signal('SIGINT');
    const finished = await running.finished;
    expect(finished.code).toBe(130);
    expect(finished.stderr).not.toContain('Warning');
    const { result, verdict } = finished.json();
    expect(verdict).toBe('interrupted');
    expect(result.requested).toBeGreaterThanOrEqual(50);
    let asked = 0;
    await until('its log has them', async () => (asked = (await nginx.lines()).length) >= result.requested);
    expect(asked - result.requested).toBeLessThanOrEqual(32);
  });

  test('one that hangs: exit 5 within its time-outs', async () => {
    const nginx = await start();
    stops.push(async () => {
      nginx.resume();
      await nginx.stop();
    });
    nginx.pause();
    const finished = await metrify(args(await logOf(...paths(100)), nginx.url), hurried);
    expect(finished.code).toBe(5);
    expect(finished.stderr).toMatch(/no answer within 4s/);
  });
});

describe('answers that are not as they should be', () => {
  test('5xx for some: exit 6, and the rest is warm', async () => {
    const url = await http((request, response) => {
      response.statusCode = Number(request.url!.slice(3)) % 4 === 0 ? 502 : 200;
      response.end();
    });
    const finished = await metrify(args(await logOf(...paths(20)), url));
    expect(finished.code).toBe(6);
    expect(finished.json()).toMatchObject({
      verdict: 'partial',
      result: { requested: 20, ok: 15, failed: 5, failures: [{ reason: 'HTTP 502', count: 5 }] },
    });
  });

  test('5xx for all: exit 3', async () => {
    const url = await http((_, response) => response.writeHead(500).end());
    const finished = await metrify(args(await logOf(...paths(3)), url));
    expect(finished.code).toBe(3);
    expect(finished.json().verdict).toBe('failed');
  });

  test('429 with Retry-After: all requests wait, and the path is asked for again', async () => {
    const times: number[] = [];
    const url = await http((_, response) => {
      times.push(performance.now());
      if (times.length === 10) {
        response.writeHead(429, { 'retry-after': '3' }).end();
      } else response.end('x');
    });
    const finished = await metrify(args(await logOf(...paths(30)), url, '--concurrency', '2'));
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result).toMatchObject({ requested: 30, ok: 30, retries: 1 });
    expect(times).toHaveLength(31);
    // One or two may have been under way; nobody else comes within those seconds.
    const refused = times[9]!;
    expect(times.filter((at) => at > refused && at < refused + 2900).length).toBeLessThanOrEqual(2);
  });

  test('a path that always asks for patience fails after three attempts', async () => {
    let asked = 0;
    const url = await http((request, response) => {
      if (request.url !== '/m/2') return void response.end('x');
      asked++;
      response.writeHead(503, { 'retry-after': '0' }).end();
    });
    const finished = await metrify(args(await logOf(...paths(5)), url));
    expect(finished.code).toBe(6);
    expect(asked).toBe(3);
    expect(finished.json().result.failures).toEqual([{ reason: 'HTTP 503', count: 1, example: '/m/2' }]);
  });

  test('a slow one and one that trickles for ever fail, the rest does not', async () => {
    const url = await http((request, response) => {
      if (request.url === '/m/1') return;
      if (request.url === '/m/2') {
        response.writeHead(200, { 'content-length': '1000000' });
        const timer = setInterval(() => response.write('x'), 50);
        response.on('close', () => clearInterval(timer));
        return;
      }
      setTimeout(() => response.end('x'), 100);
    });
    const finished = await metrify(args(await logOf(...paths(20)), url), hurried);
    expect(finished.code).toBe(6);
    expect(finished.json().result).toMatchObject({
      ok: 18,
      failures: [
        { reason: 'no answer within 4s', count: 1, example: '/m/1' },
        { reason: 'no whole answer within 4s', count: 1, example: '/m/2' },
      ],
    });
  });

  test('a Content-Length that promises more, one that promises less, and bytes that are no HTTP', async () => {
    const url = await raw((socket, path) => {
      if (path === '/more') socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort');
      else if (path === '/less') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nlonger than that');
      else if (path === '/noise') socket.write('\x16\x03\x01 no HTTP at all\r\n\r\n');
      else if (path === '/nothing') socket.destroy();
      else socket.write(fine(path));
    });
    const log = await logOf('/more', '/a', '/less', '/b', '/noise', '/c', '/nothing', '/d', '/e');
    const finished = await metrify(args(log, url, '--concurrency', '1', '--verify', '1'), hurried);
    expect(finished.code, finished.stdout + finished.stderr).toBe(6);
    const { result } = finished.json();
    expect(result).toMatchObject({ requested: 9, ok: 5, failed: 4 });
    expect(
      Object.fromEntries(
        result.failures.map(({ reason, count }: { reason: string; count: number }) => [reason, count]),
      ),
    ).toEqual({
      'the answer was cut short': 1,
      'the answer is longer than it says': 1,
      'the answer is not HTTP: Expected HTTP/, RTSP/ or ICE/': 1,
      'the connection was closed': 1,
    });
  });

  test('a redirect to another host is not followed', async () => {
    let elsewhere = 0;
    const other = await http((_, response) => {
      elsewhere++;
      response.end();
    });
    const url = await http((_, response) => response.writeHead(301, { location: `${other}/x` }).end());
    const finished = await metrify(
      args(await logOf('/a', `${other}/absolute`, `//${other.slice(7)}/b`), url),
    );
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result).toMatchObject({ requested: 3, ok: 3, statuses: { 301: 3 } });
    expect(elsewhere).toBe(0);
  });

  test('a body without end is cut off, and takes no memory', async () => {
    const chunk = Buffer.alloc(1 << 20);
    const url = await http((_, response) => {
      const more = (): void => {
        while (response.writable && response.write(chunk)) continue;
        if (response.writable) response.once('drain', more);
      };
      more();
    });
    const { finished, peak } = await withPeakMemory(args(await logOf('/endless'), url));
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result).toMatchObject({ ok: 1, cut: 1 });
    expect(finished.json().result.bytes).toBeGreaterThan(256 * 2 ** 20);
    expect(peak).toBeLessThan(200 * 2 ** 20);
  });
});

/** Runs it, and says how many bytes of memory it had resident at most. It notes that itself: from outside, its end may come between two looks. */
async function withPeakMemory(argv: string[]): Promise<{ finished: Finished; peak: number }> {
  const [hook, note] = [join(folder.path, 'peak.cjs'), join(folder.path, 'peak')];
  await writeFile(
    hook,
    `const { readFileSync, writeFileSync } = require('node:fs');
     process.on('exit', () => writeFileSync(${JSON.stringify(note)}, readFileSync('/proc/self/status')));`,
  );
  const finished = await metrify(argv, { env: { NODE_OPTIONS: `--require=${hook}` } });
  const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(note, 'utf8'))![1]) * 1024;
  return { finished, peak };
}

/** Bytes that a process has read from anywhere; undefined as long as it doesn't have `file` open. */
function bytesRead(pid: number, file: string): number | undefined {
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    if (!descriptors.includes(file)) return undefined;
    return Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]);
  } catch {
    return undefined;
  }
}

/** A run that has read a part of its log, and stands still. */
async function frozenWhileItReads(
  name: string,
  lines = 300_000,
): Promise<{ running: Running; file: string; lines: number }> {
  const file = join(folder.path, name);
  const handle = await open(file, 'w');
  const block = line('/a').repeat(100_000);
  for (let i = 0; i < lines / 100_000; i++) await handle.write(block);
  await handle.close();
  const running = await startMetrify(args(file, 'http://127.0.0.1:9', '--dry-run'));
  const { pid, child } = running;
  const read = () => bytesRead(pid, file);
  const over = () => child.exitCode !== null;
  await until('the file is open', () => over() || read() !== undefined, { everyMs: 1 });
  const before = read() ?? 0;
  await until('some of it is read', () => over() || (read() ?? 0) > before + 2e6, { everyMs: 1 });
  if (!over()) freeze(pid);
  // There is about as much left as it reads ahead.
  if (!over() && (read() ?? Infinity) < before + 0.8 * lines * line('/a').length)
    return { running, file, lines };
  // Read before this process, on a busy machine, could look.
  running.signal('SIGCONT');
  await running.finished;
  return frozenWhileItReads(name, 2 * lines);
}

describe('the log', () => {
  test('of 100 MB is read within 200 MB of memory', async () => {
    const file = join(folder.path, 'large.log');
    const handle = await open(file, 'w');
    const block = Array.from({ length: 10_000 }, (_, i) =>
      line(`/meters/${i}/readings?from=2025-10-01`),
    ).join('');
    for (let written = 0; written < 100e6; written += block.length) await handle.write(block);
    await handle.close();
    const { finished, peak } = await withPeakMemory(args(file, 'http://127.0.0.1:9', '--dry-run'));
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result).toMatchObject({ distinct: 10_000, malformed: 0, exact: true });
    expect(peak).toBeGreaterThan(20 * 2 ** 20);
    expect(peak).toBeLessThan(200 * 2 ** 20);
  });

  test('that grows while it is read is read as far as it was at the start', async () => {
    const { running, file, lines } = await frozenWhileItReads('growing.log');
    await appendFile(file, line('/later').repeat(1000));
    running.signal('SIGCONT');
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result).toMatchObject({ read: lines, distinct: 1 });
  });

  test('that is truncated while it is read is an error, and nothing is requested', async () => {
    const { running, file } = await frozenWhileItReads('truncated.log');
    // As logrotate's copytruncate does.
    await truncate(file, 0);
    running.signal('SIGCONT');
    const finished = await running.finished;
    expect({ code: finished.code, stdout: finished.stdout }).toEqual({ code: 4, stdout: '' });
    expect(JSON.parse(finished.stderr)).toMatchObject({ error: { code: 'INPUT_CHANGED' } });
  });
});
