import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { Prometheus } from '../../../src/lib/clients/prometheus.js';
import type { UserError } from '../../../src/lib/core/errors.js';
import { ServiceRefused, ServiceUnavailable } from '../../../src/lib/core/errors.js';
import { needs } from '../../servers/needs.js';
import { freePort } from '../../servers/ports.js';
import { prometheusRemembering } from './prometheus-history.js';

const signal = new AbortController().signal;
const timeouts = { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 };

async function failure(promise: Promise<unknown>): Promise<UserError> {
  return promise.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as UserError,
  );
}

async function all(client: Prometheus, selector: string, after: number, upTo: number) {
  const found = new Map<string, [number, number][]>();
  for await (const { series } of client.samples(selector, after, upTo, signal))
    for (const { labels, times, values } of series) {
      const key = JSON.stringify(labels);
      found.set(key, [
        ...(found.get(key) ?? []),
        ...times.map((at, i): [number, number] => [at, values[i]!]),
      ]);
    }
  return found;
}

needs('promtool', 'prometheus')('Prometheus', () => {
  let server: Awaited<ReturnType<typeof prometheusRemembering>>;
  let client: Prometheus;
  const now = Math.floor(Date.now() / 1000) * 1000;
  // Every 15 s, for 20 minutes.
  const times = Array.from({ length: 80 }, (_, i) => now - 1_200_000 + i * 15_000);
  const series = Array.from({ length: 30 }, (_, i) => ({
    labels: { instance: `10.0.0.${i}`, path: `/a/rather/long/path/${i}` },
    samples: times.map((at, j): [number, number] => [at, i + j]),
  }));

  beforeAll(async () => {
    server = await prometheusRemembering({ requests_total: series });
    client = new Prometheus({ url: server.url }, timeouts);
  });
  afterAll(() => server?.stop());

  test('tells its time and evaluates vectors and scalars', async () => {
    expect(Math.abs((await client.now(signal)) - Date.now())).toBeLessThan(60_000);
    expect(await client.query('sum(requests_total)', times[10], signal)).toEqual({
      series: [{ labels: {}, value: 10 * 30 + (29 * 30) / 2 }],
      warnings: [],
    });
    expect((await client.query('nothing_total', now, signal)).series).toEqual([]);
    const numbers = await client.query(
      'vector(1)/0 or label_replace(vector(0)/0,"a","b","","")',
      now,
      signal,
    );
    expect(numbers.series.map(({ value }) => value)).toEqual([Infinity, NaN]);
    expect((await client.query('-1/0', now, signal)).series[0]!.value).toBe(-Infinity);
  });

  test('gives every raw sample once, however many pieces it takes', async () => {
    const expected = series.map(({ samples }) => samples.slice(11, 71));
    for (const limits of [{}, { maxSpanMs: 15_000 }, { maxSpanMs: 101_000 }, { maxAnswerBytes: 30_000 }]) {
      const pieced = new Prometheus({ url: server.url }, timeouts, limits);
      const found = await all(pieced, 'requests_total', times[10]!, times[70]!);
      expect([...found.values()].sort(([a], [b]) => a![1] - b![1])).toEqual(expected);
    }
  });

  test('says when even half a minute is too much', async () => {
    const narrow = new Prometheus({ url: server.url }, timeouts, { maxAnswerBytes: 1000 });
    const error = await failure(all(narrow, 'requests_total', times[0]!, now));
    expect(error).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/matches too many series/) as string,
    });
  });

  test('is quoted when it cannot read the expression, which is the operator’s to mend', async () => {
    const error = await failure(client.query('sum((', now, signal));
    expect(error).toMatchObject({ exitCode: 2, code: 'PROMQL', hint: 'It was: sum((' });
    expect(error.message).toMatch(/cannot evaluate the expression: .*parse error: unclosed left parenthesis/);
    const matching = await failure(client.query('requests_total * on() requests_total', times[20], signal));
    expect(matching).toMatchObject({ exitCode: 2, message: expect.stringMatching(/many-to-many/) as string });
    expect((await failure(client.query('requests_total[5m]', now, signal))).message).toContain(
      'gives a matrix',
    );
  });

  test('that is not there is a service out of reach', async () => {
    const gone = new Prometheus({ url: `http://u:secret@127.0.0.1:${await freePort()}` }, timeouts);
    const error = await failure(gone.now(signal));
    expect(error).toBeInstanceOf(ServiceUnavailable);
    expect(error.message).toMatch(/^Prometheus at 127\.0\.0\.1:\d+ cannot be reached: connection refused$/);
  });

  test('is not waited for once the signal says so', async () => {
    await expect(client.now(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });

  /** What stands between Prometheus and us in many places. */
  async function proxied(handle: (request: IncomingMessage, response: ServerResponse) => void) {
    const proxy: Server = createServer(handle);
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    return {
      port: (proxy.address() as AddressInfo).port,
      async [Symbol.asyncDispose]() {
        proxy.closeAllConnections();
        await new Promise((resolve) => proxy.close(resolve));
      },
    };
  }
  const pass = async (request: IncomingMessage, response: ServerResponse, more: object = {}) => {
    const answer = await fetch(`${server.url}${request.url!.replace(/^\/prefix/, '')}`);
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...((await answer.json()) as object), ...more }));
  };

  test('gets a token or the URL’s password, below a prefix too, and hands on its warnings', async () => {
    const seen: (string | undefined)[] = [];
    await using proxy = await proxied((request, response) => {
      seen.push(request.headers.authorization);
      void pass(request, response, { warnings: ['a store is down'] });
    });
    const address = `127.0.0.1:${proxy.port}/prefix/`;
    const basic = new Prometheus({ url: `http://me:p%40ss@${address}` }, timeouts);
    expect((await basic.query('vector(1)', now, signal)).warnings).toEqual(['a store is down']);
    await new Prometheus({ url: `http://${address}`, token: 'tok' }, timeouts).now(signal);
    expect(seen).toEqual([`Basic ${Buffer.from('me:p@ss').toString('base64')}`, 'Bearer tok']);
    expect(basic.name).toBe(`Prometheus at 127.0.0.1:${proxy.port}`);
  });

  test.each([
    [401, 'no', ServiceRefused, /refused us: HTTP 401/],
    [502, '<html>', ServiceUnavailable, /answered HTTP 502/],
    [404, 'not found', ServiceUnavailable, /answered HTTP 404/],
    [503, '{"status":"error","errorType":"timeout","error":"query timed out"}', ServiceUnavailable, /could not answer: query timed out/], // prettier-ignore
    [200, '<html>', ServiceUnavailable, /did not answer with JSON/],
    [200, '{"hello":1}', ServiceUnavailable, /is it Prometheus\?/],
    [200, 'null', ServiceUnavailable, /is it Prometheus\?/],
  ])('an answer of HTTP %i %s', async (status, body, kind, message) => {
    await using proxy = await proxied((_, response) => response.writeHead(status).end(body));
    const error = await failure(
      new Prometheus({ url: `http://127.0.0.1:${proxy.port}` }, timeouts).now(signal),
    );
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ exitCode: 5, message: expect.stringMatching(message) as string });
  });

  test('that does not answer in time is out of reach', async () => {
    await using proxy = await proxied(() => undefined);
    const slow = new Prometheus(
      { url: `http://127.0.0.1:${proxy.port}` },
      { ...timeouts, requestTimeoutMs: 4000 },
    );
    expect((await failure(slow.now(signal))).message).toContain('no answer within 4s');
  });
});
