import { describe, expect, it } from 'vitest';

import type * as Library from '../../../src/library/load.js';
import { http } from './run-load.js';

/** The threads of the generator are files of the built package. */
const { load, assertThresholds, ThresholdsNotMet, UserError } = (await import(
  new URL('../../../dist/library/load.js', import.meta.url).href
)) as typeof Library;

const unlessBusy = (reason: string | undefined) => / late at p99$/.test(reason ?? '');

describe('metrify/load', () => {
  it('sends what it is told, and gives the result', async () => {
    const seen: string[] = [];
    const url = await http((request, response) => {
      request.resume();
      seen.push(
        `${request.method} ${request.url} ${request.headers['x-a']} ${request.headers['content-length']}`,
      );
      response.end('ok');
    });
    const result = await load({
      url: `${url}meters?q=1`,
      method: 'POST',
      headers: { 'X-A': 'b' },
      body: 'é',
      rate: 20,
      duration: 500,
      thresholds: ['p95<30s'],
    });
    expect(seen).toEqual(Array.from({ length: 10 }, () => 'POST /meters?q=1 b 2'));
    expect(result).toMatchObject({ sent: 10, answered: 10, byName: [{ name: 'POST /meters', sent: 10 }] });
    if (!unlessBusy(result.generator.bottleneck)) expect(() => assertThresholds(result)).not.toThrow();
  });

  it('throws what did not hold, with the result', async () => {
    const url = await http((_, response) => response.writeHead(503).end());
    const refusal = load({
      url,
      connections: 1,
      duration: '300ms',
      thresholds: ['error_rate<1%', 'sent>0', 'p95<1s'],
      assert: true,
    });
    const error = await refusal.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ThresholdsNotMet);
    const { message, notMet, result } = error as InstanceType<typeof ThresholdsNotMet>;
    expect(message).toContain('error_rate<1% failed');
    expect(message).toContain('p95<1s has no data');
    expect(notMet.map(({ expression }) => expression)).toEqual(['error_rate<1%', 'p95<1s']);
    expect(result.answered).toBe(result.sent);
  });

  it('ends with its signal, and what ran until then', async () => {
    const stop = new AbortController();
    const url = await http((_, response, n) => {
      response.end('ok');
      if (n === 5) stop.abort();
    });
    const result = await load({ url, rate: 100, duration: '1h', signal: stop.signal });
    expect(result.sent).toBeGreaterThan(5);
    expect(result.answered).toBe(result.sent);
  });

  it.each([
    [{ url: 'http://127.0.0.1:1/' }, 'how much load'],
    [{ url: 'ftp://127.0.0.1/', rate: 1 }, 'not a URL'],
    [{ url: 'http://127.0.0.1:1/', rate: 1, duration: 'soon' }, 'duration: '],
    [{ url: 'http://127.0.0.1:1/', rate: 0, vus: 3 }, "unknown setting 'vus'"],
    [{ url: 'http://127.0.0.1:1/', rate: 1, thresholds: ['p95'] }, 'thresholds[0]: '],
    [{ url: 'http://127.0.0.1:1/', rate: 1, method: 'get' }, 'not a method'],
    [{ url: 'http://127.0.0.1:1/', rate: 1, headers: { 'A B': 'c' } }, 'a header is not NAME: VALUE'],
    [undefined, 'load: '],
  ])('refuses %j: %s', async (options, message) => {
    const error: unknown = await load(options as never).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain(message);
  });
});
