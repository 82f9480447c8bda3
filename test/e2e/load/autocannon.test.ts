import { createServer as createTcp } from 'node:net';

import { describe, expect, it } from 'vitest';

import { freePort } from '../../servers/ports.js';
import { metrify } from '../run.js';
import { http, listen, loadOnceQuiet } from './run-load.js';

const load = (url: string, ...args: string[]) =>
  loadOnceQuiet(['run', url, '--engine', 'autocannon', '--duration', '1s', ...args]);

describe('load run --engine autocannon', () => {
  it('counts what the server saw, by status, with the latencies of expected answers', async () => {
    let seen = 0;
    const url = await http((_, response, n) => {
      seen++;
      if (n % 2 === 0) response.writeHead(503).end();
      else setTimeout(() => response.end('ok'), 50);
    });
    const { code, result } = await load(url, '--connections', '5', '--threshold', 'error_rate<10%,p50>=49ms');
    expect(seen).toBeGreaterThanOrEqual(result.answered);
    expect(seen).toBeLessThanOrEqual(result.sent);
    expect(result.incomplete).toBeLessThanOrEqual(5);
    expect(result.errors.byKind).toEqual({ 'status 503': result.errors.total });
    expect(result.statuses['200']! + result.statuses['503']!).toBe(result.answered);
    expect(result.latencyMs.p50).toBeGreaterThanOrEqual(49);
    expect(result.byName).toMatchObject([{ name: 'GET /', sent: result.sent }]);
    expect(result.thresholds.map(({ verdict }) => verdict)).toEqual(['failed', 'passed']);
    expect(code).toBe(3);
  });

  it('counts requests that were lost with their connections', async () => {
    const server = createTcp((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.end());
    });
    const { code, result } = await load(await listen(server), '--connections', '2');
    expect(result.answered).toBe(0);
    expect(result.failed).toBeGreaterThan(0);
    expect(Object.keys(result.errors.byKind)).toContain('closed');
    expect(code).toBe(5);
  });

  it('exits 5 where nothing answers', async () => {
    const { code, result } = await load(`http://127.0.0.1:${await freePort()}/`, '--connections', '1');
    expect(result.errors.byKind['refused']).toBe(result.failed);
    expect(code).toBe(5);
  });

  it.each([
    [['--rate', '5'], 'has no --rate'],
    [['--stages', '1s:5'], 'has no --stages'],
    [['--connections', '2', '--threads', '2'], 'has no --threads'],
    [['--connections', '2', '--drain', '1s'], 'has no --drain'],
    [['--connections', '2', '--request-timeout', '500ms'], 'no time-out below 1s'],
    [[], 'how much load'],
  ])('refuses %j: %s', async (args, message) => {
    const end = await metrify(['load', 'run', 'http://127.0.0.1:1/', '--engine', 'autocannon', ...args]);
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(message);
  });

  it('does not send what it cannot verify', async () => {
    const end = await metrify([
      ...['load', 'run', 'https://127.0.0.1:1/', '--engine', 'autocannon', '--connections', '1'],
    ]);
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('does not verify certificates');
  });
});
