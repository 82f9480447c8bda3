import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { Prometheus } from '../../../src/lib/clients/prometheus.js';
import { ServiceUnavailable } from '../../../src/lib/core/errors.js';
import { PrometheusMeter } from '../../../src/lib/rollout/analysis/prometheus-meter.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { type PrometheusServer, startPrometheus } from '../../servers/prometheus.js';

const signal = new AbortController().signal;
const version = (name: string) => ({ name, deployment: undefined, colour: undefined });

/** A process with counters, which a restart forgets. */
class Service {
  #counts = new Map<string, number>();
  #server: Server | undefined;
  hidden = false;

  async start(): Promise<string> {
    this.#server = createServer((_, response) => {
      if (this.hidden) return void response.writeHead(503).end();
      const lines = [...this.#counts].map(([code, count]) => `requests_total{code="${code}"} ${count}\n`);
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(lines.join(''));
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  serve(code: string, count: number): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + count);
  }

  restart(): void {
    this.#counts.clear();
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

needs('prometheus')('counts of services that are scraped now', () => {
  const [stable, canary] = [new Service(), new Service()];
  let server: PrometheusServer;
  let meter: PrometheusMeter;
  let since: number;

  beforeAll(async () => {
    stable.serve('200', 5000);
    canary.serve('200', 700);
    server = await startPrometheus({
      targets: [
        { address: await stable.start(), labels: { version: 'v1' } },
        { address: await canary.start(), labels: { version: 'v2' } },
      ],
      scrapeInterval: '500ms',
    });
    const client = new Prometheus({ url: server.url }, { connectTimeoutMs: 5000, requestTimeoutMs: 5000 });
    const requests = 'sum(increase(requests_total{version="{{version}}"}[{{window}}]))';
    const errors = 'sum(increase(requests_total{version="{{version}}",code=~"5.."}[{{window}}]))';
    meter = new PrometheusMeter(
      client,
      { requests, errors, latency: undefined },
      { stable: version('v1'), canary: version('v2') },
    );
    const scraped = async () => (await server.query('sum(requests_total)'))[0]?.value === 5700;
    await until('both were scraped', scraped, { timeoutMs: 60_000 });
    since = await client.now(signal);
  });
  afterAll(async () => {
    await server?.stop();
    stable.stop();
    canary.stop();
  });

  const counted = async () => {
    const { counts } = await meter.look(since, undefined, signal);
    return {
      stable: [counts.stable.requests, counts.stable.errors],
      canary: [counts.canary.requests, counts.canary.errors],
      silent: [counts.stable.silentForMs !== undefined, counts.canary.silentForMs !== undefined],
    };
  };
  const heard = { silent: [false, false] };
  /** The counts once they were scraped; they stay, unless a look errs. A scrape that a stalled machine misses is silence. */
  const expectCounts = async (expected: Partial<Awaited<ReturnType<typeof counted>>>) => {
    await expect.poll(counted, { timeout: 50_000, interval: 300 }).toMatchObject(expected);
    const { silent: _, ...counts } = expected;
    expect(await counted()).toMatchObject(counts);
  };

  test('nothing yet: requests are 0, not unknown', async () => {
    await expectCounts({ stable: [0, 0], canary: [0, 0], ...heard });
  });

  test('the first errors of a version, which increase() does not see', async () => {
    stable.serve('200', 40);
    canary.serve('200', 10);
    canary.serve('503', 3);
    await expectCounts({ stable: [40, 0], canary: [13, 3], ...heard });
    const increase = `sum(increase(requests_total{version="v2",code="503"}[10m]))`;
    const hasTwo = async () => (await server.query(increase)).length === 1;
    await until('increase() has two samples', hasTwo, { timeoutMs: 50_000 });
    expect((await server.query(increase))[0]!.value).toBe(0);
  });

  test('a restart, which sets the counters back', async () => {
    canary.restart();
    canary.serve('200', 5);
    canary.serve('503', 1);
    await expectCounts({ stable: [40, 0], canary: [19, 4], ...heard });
    canary.serve('200', 2);
    await expectCounts({ stable: [40, 0], canary: [21, 4], ...heard });
  });

  test('a Prometheus that dies is no data, and continues where it was', async () => {
    await server.kill();
    await expect(counted()).rejects.toBeInstanceOf(ServiceUnavailable);
    canary.serve('200', 4);
    await server.restart();
    await expectCounts({ stable: [40, 0], canary: [25, 4] });
  });

  test('a Prometheus that hangs is no data either', async () => {
    server.pause();
    try {
      await expect(counted()).rejects.toThrow('no answer within 5s');
    } finally {
      server.resume();
    }
    await expectCounts({ canary: [25, 4], ...heard });
  });

  test('metrics that vanish keep their counts and are said to be silent', async () => {
    canary.hidden = true;
    stable.serve('200', 100);
    await expectCounts({ stable: [140, 0], canary: [25, 4], silent: [false, true] });
    canary.hidden = false;
    canary.serve('200', 1);
    await expectCounts({ stable: [140, 0], canary: [26, 4], ...heard });
  });

  test('a step from before Prometheus began: old counts are not taken for new ones, and that is said', async () => {
    const { counts, warnings } = await meter.look(since - 7_200_000, undefined, signal);
    // Without the 5000 and 700 that it found, and the 3 errors with which their series began.
    expect([counts.stable.requests, counts.canary.requests]).toEqual([140, 23]);
    expect(warnings.join()).toContain('has no samples from before the step');
  });
});
