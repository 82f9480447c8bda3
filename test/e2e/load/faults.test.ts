import { spawn } from 'node:child_process';
import { createServer as createTcp, type Socket } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { metrify } from '../run.js';
import { http, listen, loadOnceQuiet } from './run-load.js';

let folder: TemporaryDirectory;
beforeAll(async () => (folder = await temporaryDirectory('load-faults')));
afterAll(() => folder.remove());

/** Whatever `answer` does when a request has come. */
const tcp = (answer: (socket: Socket) => void) =>
  listen(
    createTcp((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => answer(socket));
    }),
  );

/** Writes these until the connection ends. */
function endlessly(socket: Socket, begin: string, more: string, everyMs = 1): void {
  socket.write(begin);
  const timer = setInterval(() => socket.write(more), everyMs);
  socket.on('close', () => clearInterval(timer));
}

/** The reset comes by itself: with data before it, it looks like an end. */
function cutAfter(socket: Socket, begin: string): void {
  socket.write(begin);
  setTimeout(() => socket.resetAndDestroy(), 100);
}

const head = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n';
const brief = ['--rate', '10', '--duration', '500ms'];

describe('load run against a server', () => {
  it.each([
    ['that resets midway', 'reset', (socket: Socket) => cutAfter(socket, head)],
    ['that never answers', 'timeout', () => {}],
    [
      'that sends headers without end',
      'malformed',
      (socket: Socket) => endlessly(socket, 'HTTP/1.1 200 OK\r\n', `X-A: ${'x'.repeat(8000)}\r\n`),
    ],
    [
      'that sends a body without end',
      'timeout',
      (socket: Socket) => endlessly(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(8000)),
    ],
    ['that sends its body too slowly', 'timeout', (socket: Socket) => endlessly(socket, head, 'x', 100)],
    [
      'whose length is not a number',
      'malformed',
      (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'),
    ],
  ] as const)('%s counts each request as %s', async (_, kind, answer) => {
    // What ends by itself must do so in time, however busy this machine is.
    const timeout = ['--request-timeout', kind === 'timeout' ? '400ms' : '30s'];
    const { code, result } = await loadOnceQuiet(['run', await tcp(answer), ...brief, ...timeout]);
    expect(result).toMatchObject({ sent: 5, answered: 0, failed: 5, errors: { byKind: { [kind]: 5 } } });
    expect(result.errors.reasons[kind]).toMatch(/^(it|its|there) /);
    expect(code).toBe(5);
  });

  it('that throttles counts its answers by status, however soon they may be asked again', async () => {
    const url = await http((_, response, n) => {
      if (n % 2 === 0) response.writeHead(n % 4 === 0 ? 429 : 503, { 'Retry-After': '60' });
      response.end();
    });
    const { result } = await loadOnceQuiet(['run', url, '--rate', '40', '--duration', '1s']);
    expect(result.answered).toBe(40);
    expect(result.errors.total).toBe(20);
    expect(Object.keys(result.errors.byKind).sort()).toEqual(['status 429', 'status 503']);
  });

  it('whose name is not known says so', async () => {
    const end = await metrify(['load', 'run', 'http://no-such-host.invalid/', ...brief]);
    expect(end.code).toBe(5);
    expect(end.stderr).toContain('its name ');
    expect(end.stderr).toContain('--resolve');
  });
});

describe('load run, when the generator is the limit', () => {
  const slow = () => http((_, response) => void setTimeout(() => response.end('ok'), 500));
  const few = ['--rate', '100', '--connections', '5'];

  it('is stopped by --abort-on-shortfall, and is inconclusive', async () => {
    const args = [...few, '--duration', '20s', '--abort-on-shortfall', '10% for 1s'];
    const { code, result } = await loadOnceQuiet(['run', await slow(), ...args, '--threshold', 'p95<5s']);
    expect(code).toBe(7);
    expect(result.durationMs).toBeGreaterThan(900);
    expect(result.durationMs).toBeLessThan(15_000);
    expect(result.generator.bottleneck).toMatch(
      /^stopped early: \d+% of what was due within 1s was not sent$/,
    );
    expect(result.thresholds[0]!.verdict).toBe('no-data');
  });

  it('refuses more connections than descriptors before anything is sent', async () => {
    let requests = 0;
    const url = await http((_, response) => {
      requests++;
      response.end();
    });
    const program = fileURLToPath(new URL('../../../dist/metrify.cjs', import.meta.url));
    const command = `ulimit -n 150; exec "$0" "$1" load run ${url} --connections 200 --duration 1s`;
    const child = spawn('bash', ['-c', command, process.execPath, program], {
      cwd: folder.path,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stderr = text(child.stderr);
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(2);
    expect(await stderr).toContain('200 connections need more descriptors than this process may have (150)');
    expect(await stderr).toContain('--connections 90');
    expect(requests).toBe(0);
  });

  it('whose descriptors run out blames itself, and not the server', async () => {
    const url = await http((_, response) => void setTimeout(() => response.end('ok'), 1000));
    // Something else of the process holds them: here, files that its thread opened after its 30th connection.
    const hog = join(folder.path, 'hog.cjs');
    writeFileSync(
      hog,
      `const { Socket } = require('node:net');
       const { connect } = Socket.prototype;
       let connections = 0;
       Socket.prototype.connect = function (...args) {
         if (++connections === 30) try { for (;;) require('node:fs').openSync('/dev/null'); } catch {}
         return connect.apply(this, args);
       };`,
    );
    const program = fileURLToPath(new URL('../../../dist/metrify.cjs', import.meta.url));
    const run = `load run ${url} --rate 50 --connections 60 --duration 2s --json --threshold 'error_rate<1%,p95<5s'`;
    const child = spawn(
      'bash',
      ['-c', `ulimit -n 150; exec "$0" -r ${hog} "$1" ${run}`, process.execPath, program],
      {
        cwd: folder.path,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const stdout = text(child.stdout);
    const code = await new Promise((resolve) => child.on('close', resolve));
    const { result } = JSON.parse(await stdout);
    expect(result.errors.byKind).toEqual({ descriptors: result.failed });
    expect(result.failed).toBeGreaterThan(0);
    expect(result.generator.bottleneck).toMatch(
      /requests failed because this process may not open more files/,
    );
    expect(result.thresholds.map(({ verdict }: { verdict: string }) => verdict)).toEqual([
      'no-data',
      'no-data',
    ]);
    expect(code).toBe(7);
  });
});

describe('load run, when one of its threads dies', () => {
  it('is partial, and says which share is missing', async () => {
    const url = await http((_, response) => response.end('ok'));
    const killer = join(folder.path, 'killer.cjs');
    writeFileSync(
      killer,
      `const { isMainThread, workerData } = require('node:worker_threads');
       const { Socket } = require('node:net');
       const { connect } = Socket.prototype;
       let isConnected = false;
       if (!isMainThread && workerData.thread === 1)
         // A while after its first connection: until then a thread takes its time on a busy machine.
         Socket.prototype.connect = function (...args) {
           if (!isConnected) setTimeout(() => process.exit(1), 500);
           isConnected = true;
           return connect.apply(this, args);
         };`,
    );
    const args = ['--rate', '40', '--duration', '2s', '--threads', '2', '--threshold', 'error_rate<1%'];
    const end = await metrify(['load', 'run', url, ...args], {
      env: { NODE_OPTIONS: `--require=${killer}` },
    });
    expect(end.code).toBe(6);
    expect(end.stdout.replace(/\s+/g, ' ')).toContain(
      'missing: 50% of the load, 1 thread of 2: thread 2 died (it ended with exit code 1)',
    );
    const { code, result } = await loadOnceQuiet(['run', url, ...args, '--threshold', 'error_rate>50%'], {
      env: { NODE_OPTIONS: `--require=${killer}` },
    });
    expect(result.generator.lostThreads).toBe(1);
    expect(result.sent).toBe(40);
    // What is left can still fail.
    expect(code).toBe(3);
  });
});
