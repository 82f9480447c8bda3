import { createServer } from 'node:http';
import { createServer as createTcp } from 'node:net';

import { describe, expect, it } from 'vitest';

import type { LoadResult } from '../../../src/lib/load/result.js';
import { freePort } from '../../servers/ports.js';
import { metrify, startMetrify } from '../run.js';
import { http, listen, loadOnceQuiet } from './run-load.js';

const load = (...args: string[]) => loadOnceQuiet(['run', ...args]);

describe('load run', () => {
  it('counts what never was answered as incomplete, with its age', async () => {
    const url = await http((_, response, n) => {
      if (n % 20 !== 0) response.end('ok');
    });
    const { code, result } = await load(
      url,
      '--rate',
      '100',
      '--duration',
      '3s',
      '--drain',
      '1s',
      '--threshold',
      'p99<200ms,error_rate<1%,error_rate<10%',
    );
    expect(result.sent).toBe(300);
    expect(result.incomplete).toBe(15);
    expect(result.lowerBounds).toEqual(['p99', 'p999', 'max']);
    expect(result.latencyMs.p99).toBeGreaterThan(1000);
    expect(result.thresholds).toEqual([
      { expression: 'p99<200ms', verdict: 'failed', observed: expect.stringMatching(/^≥ /) as string },
      {
        expression: 'error_rate<1%',
        verdict: 'no-data',
        observed: '0.000% to 5.000%, 0 of 300 and 15 incomplete',
      },
      expect.objectContaining({ expression: 'error_rate<10%', verdict: 'passed' }),
    ]);
    expect(code).toBe(3);
  });

  it('exits 5 where nothing answers, whatever the thresholds', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;
    const { code, result } = await load(url, '--rate', '50', '--duration', '1s', '--threshold', 'p95<200ms');
    expect(code).toBe(5);
    expect(result).toMatchObject({ sent: 50, failed: 50, errors: { byKind: { refused: 50 } } });
    expect(result.thresholds[0]).toMatchObject({ verdict: 'no-data', observed: 'no successful answers' });
  });

  it('does not let errors make the latency look good', async () => {
    const url = await http((_, response, n) => {
      if (n % 2 === 0) response.writeHead(503).end();
      else setTimeout(() => response.end('ok'), 100);
    });
    const { code, result } = await load(
      url,
      '--rate',
      '100',
      '--duration',
      '2s',
      '--threshold',
      'error_rate<10%,p50>=99ms',
    );
    expect(result).toMatchObject({
      sent: 200,
      answered: 200,
      errors: { total: 100, byKind: { 'status 503': 100 } },
    });
    expect(result.latencyMs.p50).toBeGreaterThanOrEqual(99);
    expect(result.rps / result.goodput).toBeCloseTo(2, 5);
    expect(result.thresholds.map(({ verdict }) => verdict)).toEqual(['failed', 'passed']);
    expect(result.thresholds[0]!.observed).toBe('100 of 200 failed: 50% ≥ 10%');
    expect(code).toBe(3);
  });

  it('says no data where every answer is an error', async () => {
    const url = await http((_, response) => response.writeHead(500).end());
    const { code, result } = await load(url, '--rate', '50', '--duration', '1s', '--threshold', 'p95<200ms');
    expect(result.latencyMs.p95).toBeNull();
    expect(result.thresholds[0]).toMatchObject({ verdict: 'no-data', observed: 'no successful answers' });
    expect(code).toBe(7);
  });

  it('never has more connections than it may, and blames itself when they are the limit', async () => {
    let [open, most] = [0, 0];
    const server = createServer((_, response) => void setTimeout(() => response.end('ok'), 500));
    server.on('connection', (socket) => {
      most = Math.max(most, ++open);
      socket.on('close', () => open--);
    });
    const url = await listen(server);
    const args = ['--rate', '200', '--connections', '10', '--duration', '3s', '--threshold', 'p95<200ms'];
    const { code, result, verdict } = await load(url, ...args);
    expect(most).toBe(10);
    expect(result.generator).toMatchObject({
      mostConnections: 10,
      bottleneck: expect.stringContaining('connections') as string,
    });
    expect(result.requests).toBe(600);
    expect(result.unsent).toBe(600 - result.sent);
    expect(result.unsent).toBeGreaterThan(400);
    expect(result.thresholds[0]!.verdict).toBe('no-data');
    expect([code, verdict]).toEqual([7, 'inconclusive']);
  });

  it('sends again what met a connection that the server had just closed, and counts it once', async () => {
    // It answers one request a connection, says keep-alive, and closes.
    const server = createTcp((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        setTimeout(() => socket.end(), 5);
      });
    });
    const url = await listen(server);
    const { code, result } = await load(url, '--connections', '5', '--duration', '1s');
    expect(code).toBe(0);
    expect(result.failed).toBe(0);
    expect(result.resent).toBeGreaterThan(0);
  });

  it.each([
    ['garbage', 'malformed', (text: string) => `SSH-2.0-x\r\n${text}`],
    ['half an answer', 'closed', (text: string) => text.slice(0, -1)],
  ])('counts %s as a failure: %s', async (_, kind, garble) => {
    const server = createTcp((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.end(garble('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')));
    });
    const url = await listen(server);
    const { code, result } = await load(url, '--rate', '20', '--duration', '1s');
    expect(result).toMatchObject({ sent: 20, answered: 0, failed: 20, errors: { byKind: { [kind]: 20 } } });
    expect(code).toBe(5);
  });

  it('stopped by Ctrl-C, gives the result of what ran', async () => {
    let answered = 0;
    let seen: () => void;
    const enough = new Promise<void>((resolve) => (seen = resolve));
    const url = await http((_, response) => {
      response.end('ok');
      if (++answered === 50) seen();
    });
    const running = await startMetrify(['load', 'run', url, '--rate', '100', '--duration', '1h', '--json']);
    await enough;
    running.signal('SIGINT');
    const end = await running.finished;
    expect(end.code).toBe(130);
    const { result } = JSON.parse(end.stdout) as { result: LoadResult };
    expect(result.sent).toBe(answered);
    expect(result.answered).toBe(answered);
  });

  it.each([
    [['http://127.0.0.1:1/'], 'how much load'],
    [['ftp://127.0.0.1/', '--rate', '1'], 'not a URL with http'],
    [['http://127.0.0.1:1/', '--rate', '0'], 'not a rate'],
    [['http://127.0.0.1:1/', '--rate', '1', '--threshold', 'p95<200'], 'not a threshold'],
    [['http://127.0.0.1:1/', '--stages', '30s'], 'not a stage'],
    [['http://127.0.0.1:1/', '--rate', '1', '--stages', '1s:1'], 'exclude each other'],
  ])('%j is refused: %s', async (args, message) => {
    const end = await metrify(['load', 'run', ...args]);
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(message);
  });
});
