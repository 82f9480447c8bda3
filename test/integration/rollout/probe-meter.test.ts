import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, describe, expect, test } from 'vitest';

import { systemClock } from '../../../src/lib/core/clock.js';
import { ServiceUnavailable, UserError } from '../../../src/lib/core/errors.js';
import { totalOf } from '../../../src/lib/rollout/analysis/buckets.js';
import { probeBounds, ProbeMeter } from '../../../src/lib/rollout/analysis/probe-meter.js';
import type { Buckets } from '../../../src/lib/rollout/analysis/measurements.js';
import { freePort, until } from '../../servers/ports.js';

const signal = new AbortController().signal;
const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
const versions = { stable: version('v1'), canary: version('v2') };
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** One server for both versions, which tells them apart by the path. */
async function serving(answers: Record<'v1' | 'v2', RequestListener>) {
  const seen: { version: string; at: number; url: string; socket: unknown }[] = [];
  const server = createServer((request, response) => {
    const name = request.url!.startsWith('/v2') ? 'v2' : 'v1';
    seen.push({ version: name, at: performance.now(), url: request.url!, socket: request.socket });
    answers[name](request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/{{version}}/healthz?x=1`, seen };
}

const ok: RequestListener = (_, response) => response.end('fine');
const meterOf = (url: string, more = {}) =>
  new ProbeMeter({ url, rate: 20, durationMs: 1000, timeoutMs: 20_000, ...more }, versions, systemClock);

function shareAbove({ bounds, counts }: Buckets, seconds: number): number {
  const above = counts.filter((_, i) => (bounds[i - 1] ?? 0) >= seconds);
  return above.reduce((a, b) => a + b, 0) / totalOf({ bounds, counts });
}

test('the buckets are a tenth apart from 1 ms to 60 s', () => {
  expect([probeBounds[0], probeBounds.at(-2), probeBounds.at(-1)]).toEqual([0.001, 60, Infinity]);
  for (const [i, bound] of probeBounds.slice(0, -1).entries())
    if (i > 0) expect(bound / probeBounds[i - 1]!).toSatisfy((step: number) => step > 1.03 && step < 1.11);
});

describe('probes', () => {
  test('go to both versions in turns, at the rate, on few connections', async () => {
    const { url, seen } = await serving({ v1: ok, v2: ok });
    const began = performance.now();
    // What is due while the machine stalls goes all at once; the look is longer than that.
    const { counts, tally } = await meterOf(url, { durationMs: 4000 }).look(0, undefined, signal);
    expect([counts.stable.requests, counts.canary.requests]).toEqual([80, 80]);
    expect([counts.stable.errors, counts.canary.errors]).toEqual([0, 0]);
    expect(totalOf(counts.stable.latency!)).toBe(80);
    expect(seen.filter(({ url: path }) => path === '/v2/healthz?x=1')).toHaveLength(80);
    // The last one is due 3975 ms after the look begins; before that it may only be late.
    expect(seen.at(-1)!.at - began).toBeGreaterThan(3970);
    expect(new Set(seen.map(({ socket }) => socket)).size).toBeLessThan(seen.length);
    expect(JSON.parse(JSON.stringify(tally))).toEqual(tally);
  });

  test('send the user of their URL', async () => {
    const seen = new Set<string | undefined>();
    const note: RequestListener = (request, response) => {
      seen.add(request.headers.authorization);
      response.end();
    };
    const { url } = await serving({ v1: note, v2: note });
    const withUser = url.replace('http://', 'http://ann:p%40ss@');
    await meterOf(withUser, { rate: 2 }).look(0, undefined, signal);
    expect([...seen]).toEqual([`Basic ${Buffer.from('ann:p@ss').toString('base64')}`]);
  });

  test('add to what the step’s looks before counted', async () => {
    const { url } = await serving({ v1: ok, v2: (_, response) => response.writeHead(500).end() });
    const meter = meterOf(url, { durationMs: 300 });
    const first = await meter.look(0, undefined, signal);
    const second = await meter.look(0, first.tally, signal);
    expect(second.counts.canary).toMatchObject({ requests: 12, errors: 12 });
    expect(second.counts.stable).toMatchObject({ requests: 12, errors: 0 });
    expect(totalOf(second.counts.stable.latency!)).toBe(12);
  });

  test('take 500 and above for errors, and redirects and 404 for answers', async () => {
    let n = 0;
    const statuses = [200, 302, 404, 499, 500, 503];
    const { url, seen } = await serving({
      v1: (_, response) => response.writeHead(statuses[n++ % 6]!, { location: '/elsewhere' }).end(),
      v2: ok,
    });
    const { counts } = await meterOf(url, { durationMs: 900, rate: 20 }).look(0, undefined, signal);
    expect(counts.stable).toMatchObject({ requests: 18, errors: 6 });
    expect(seen.some(({ url: path }) => path === '/elsewhere')).toBe(false);
  });

  test('see latency, and keep their rate while a version is slow', async () => {
    const waiting: (() => void)[] = [];
    const { url } = await serving({
      v1: ok,
      // An open loop: the next request does not wait for the answer to the one before it.
      v2: (_, response) => {
        waiting.push(() => response.end());
        if (waiting.length === 20) setTimeout(() => waiting.forEach((answer) => answer()), 600);
      },
    });
    // A machine that stalls makes the probes of a while slow, and not those of the whole look.
    const { counts } = await meterOf(url, { rate: 5, durationMs: 4000 }).look(0, undefined, signal);
    expect(counts.canary).toMatchObject({ requests: 20, errors: 0 });
    expect(shareAbove(counts.canary.latency!, 0.5)).toBe(1);
    expect(shareAbove(counts.stable.latency!, 0.5)).toBeLessThan(1);
  });

  test('that time out are errors and slow', async () => {
    const { url } = await serving({ v1: ok, v2: () => undefined });
    const { counts } = await meterOf(url, { durationMs: 250, timeoutMs: 4000 }).look(0, undefined, signal);
    expect(counts.canary).toMatchObject({ requests: 5, errors: 5 });
    expect(shareAbove(counts.canary.latency!, 1)).toBe(1);
  });

  test('whose connection breaks are errors; a kept connection that was closed meanwhile is not', async () => {
    const { url } = await serving({ v1: ok, v2: (request) => request.socket.destroy() });
    servers[0]!.keepAliveTimeout = 20;
    const { counts } = await meterOf(url, { durationMs: 1000, rate: 10 }).look(0, undefined, signal);
    expect(counts.canary).toMatchObject({ requests: 10, errors: 10 });
    expect(counts.stable).toMatchObject({ requests: 10, errors: 0 });
  });

  test('of a version that is not there are errors; when nobody answers, nothing is known', async () => {
    const { url } = await serving({ v1: ok, v2: ok });
    const port = await freePort();
    const refused = url.replace(/:\d+/, (own) => `${own}`).replace('127.0.0.1', '127.0.0.{{version}}');
    const both = new ProbeMeter(
      { url: refused, rate: 20, durationMs: 200, timeoutMs: 5000 },
      { stable: version('1'), canary: version('2') },
      systemClock,
    );
    // Only 127.0.0.1 listens.
    const { counts } = await both.look(0, undefined, signal);
    expect(counts.stable.errors).toBe(0);
    expect(counts.canary).toMatchObject({ requests: 4, errors: 4 });
    expect(totalOf(counts.canary.latency!)).toBe(0);
    const nobody = meterOf(`http://127.0.0.1:${port}/`, { durationMs: 200 }).look(0, undefined, signal);
    await expect(nobody).rejects.toBeInstanceOf(ServiceUnavailable);
    await expect(nobody).rejects.toThrow('connection refused');
  });

  test('stop at once when they are told to', async () => {
    const hang: RequestListener = (request, response) => {
      if (request.url!.startsWith('/v3')) response.end();
    };
    const { url, seen } = await serving({ v1: hang, v2: hang });
    const controller = new AbortController();
    const looking = meterOf(url, { durationMs: 60_000, timeoutMs: 60_000 }).look(
      0,
      undefined,
      controller.signal,
    );
    const outcome = looking.catch((error: unknown) => error);
    await until('some are asked', () => seen.length > 5);
    controller.abort(new Error('enough'));
    expect(await outcome).toEqual(new Error('enough'));
    // Those that were on their way come before this one.
    await fetch(url.replace('{{version}}', 'v3'));
    const asked = seen.length;
    await delay(1000);
    // 40 more would have come.
    expect(seen.length).toBeLessThan(asked + 20);
  });

  test('do not read a body without end', async () => {
    const { url } = await serving({
      v1: ok,
      v2: (_, response) => {
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        };
        response.on('drain', more);
        more();
      },
    });
    const { counts } = await meterOf(url, { durationMs: 100 }).look(0, undefined, signal);
    expect(counts.canary).toMatchObject({ requests: 2, errors: 0 });
  });

  test('want an address', async () => {
    await expect(meterOf('web-{{version}}').look(0, undefined, signal)).rejects.toBeInstanceOf(UserError);
  });
});
