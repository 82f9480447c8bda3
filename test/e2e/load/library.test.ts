import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished, vi } from 'vitest';

import type * as Library from '../../../src/library/load.js';
import { temporaryDirectory } from '../../servers/process.js';
import { http } from './run-load.js';

/** The threads of the generator are files of the built package. */
const { load, assertThresholds, ServiceUnavailable, ThresholdsNotMet, UserError } = (await import(
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

  it('runs a scenario: as its file, or as an object', async () => {
    const seen: string[] = [];
    const url = await http((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
      response.end('{"token": "t1"}');
    });
    const scenario = {
      target: url,
      load: { users: 100 },
      duration: '1h',
      headers: { Authorization: 'Bearer {key}' },
      variables: { key: { env: 'METRIFY_TEST_KEY' } },
      feeds: { meters: { file: 'meters.csv' } },
      setup: [{ post: '/login', capture: { token: { json: '$.token' } } }],
      tasks: [{ name: 'a', steps: [{ get: '/{meters.id}/{token}', expect: { status: 200 } }] }],
      teardown: [{ delete: '/{token}' }],
      thresholds: ['checks>99%'],
    };
    const folder = await temporaryDirectory('library');
    onTestFinished(() => folder.remove());
    await writeFile(join(folder.path, 'meters.csv'), 'id\n17\n');
    await writeFile(join(folder.path, 'load.yaml'), JSON.stringify(scenario));
    vi.stubEnv('METRIFY_TEST_KEY', 'from-the-environment');
    onTestFinished(() => void vi.unstubAllEnvs());
    const feeds = { meters: { file: join(folder.path, 'meters.csv') } };
    const given = [
      [join(folder.path, 'load.yaml'), 'from-the-environment'],
      [{ ...scenario, feeds }, 'from-the-environment'],
      [{ ...scenario, feeds, variables: { key: 'plain' }, duration: 3_600_000 }, 'plain'],
    ] as const;
    for (const [test, key] of given) {
      const run = () => {
        seen.length = 0;
        return load({ scenario: test, rate: 20, duration: 500, thresholds: ['sent>9'] });
      };
      let result = await run();
      // What is not begun before the end, because the machine stalled, is not sent.
      for (let tries = 0; tries < 10 && result.unsent > 0; tries++) result = await run();
      const all = (request: string, times: number) => Array<string>(times).fill(`${request} Bearer ${key}`);
      expect(seen).toEqual([...all('POST /login', 1), ...all('GET /17/t1', 10), ...all('DELETE /t1', 1)]);
      expect(result).toMatchObject({ sent: 10, byName: [{ name: 'GET /{meters.id}/{token}', sent: 10 }] });
      expect(result.thresholds.map(({ verdict }) => verdict)).toEqual(['passed', 'passed']);
    }
  });

  it('tells what went wrong in teardown, which is no reason to lose the result', async () => {
    const url = await http((request, response) =>
      response.writeHead(request.method === 'DELETE' ? 500 : 200).end(),
    );
    const warnings: string[] = [];
    const steps = [{ get: '/a' }];
    const result = await load({
      scenario: { target: url, tasks: [{ name: 'a', steps }], teardown: [{ delete: '/b' }] },
      rate: 20,
      duration: 100,
      onWarning: (message) => warnings.push(message),
    });
    expect(result.sent).toBe(2);
    expect(warnings).toEqual(['teardown: DELETE /b was answered with status 500']);
  });

  it('throws where setup fails', async () => {
    const setup = [{ get: '/login' }];
    const tasks = [{ name: 'a', steps: [{ get: '/a' }] }];
    const down = load({ scenario: { target: 'http://127.0.0.1:1', setup, tasks }, rate: 1 });
    await expect(down).rejects.toThrow(ServiceUnavailable);
    await expect(down).rejects.toThrow('setup: GET /login was not answered: refused');
  });

  it.each([
    [{ url: 'http://127.0.0.1:1/' }, 'how much load'],
    [{ url: 'http://127.0.0.1:1/', rate: 1, stages: '1s:1' }, 'rate and stages exclude each other'],
    [{ url: 'http://127.0.0.1:1/', rate: 1, threads: 3, connections: 2 }, '3 threads cannot share'],
    [{ url: 'http://127.0.0.1:1/', scenario: 'x.yaml', rate: 1 }, 'url and scenario exclude each other'],
    [{ scenario: 'x.yaml', rate: 1, method: 'POST' }, "unknown setting 'method'"],
    [{ scenario: 'is-not-there.yaml', rate: 1 }, 'there is no file'],
    [{ scenario: 3, rate: 1 }, 'must be the name of a file, or an object'],
    [
      { scenario: { target: 'http://127.0.0.1:1', tasks: [{ name: 'a', steps: [{ got: '/' }] }] } },
      "scenario.tasks[0].steps[0].got: unknown setting 'got'; did you mean 'get'?",
    ],
    [
      { scenario: { target: 'http://127.0.0.1:1', tasks: [{ name: 'a', steps: [{ get: '/{b}' }] }] } },
      'scenario.tasks[0].steps[0].get: ',
    ],
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
