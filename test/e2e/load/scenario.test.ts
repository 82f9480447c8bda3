import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { LoadResult } from '../../../src/lib/load/result.js';
import { scaled } from '../../scale.js';
import { metrify } from '../run.js';
import { type Got, service as serve } from './scenario-service.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scenario-'));
});
afterAll(() => rm(folder, { recursive: true }));

const services: { all: Got[] }[] = [];
afterEach(() => void services.splice(0));
const service: typeof serve = async (answer) => {
  const made = await serve(answer);
  services.push(made);
  return made;
};

/**
 * Runs a scenario. What it counts does not depend on how busy this machine is; whether it blames itself does. What could not be
 * begun before the end, because the machine stalled, is never sent: then it is run again.
 */
async function run(yaml: string, args: readonly string[] = [], codes = [0, 7]): Promise<LoadResult> {
  await writeFile(join(folder, 'load.yaml'), yaml);
  for (let tries = 0; ; tries++) {
    for (const { all } of services) all.length = 0;
    const end = await metrify(['load', 'run', 'load.yaml', ...args, '--json'], { cwd: folder });
    const { result } = end.json<{ result: LoadResult }>();
    if (result.unsent > 0 && tries < 10) continue;
    expect(end.code, end.stderr).toBeOneOf([...codes]);
    return result;
  }
}

/** So many arrivals in half a second, and a second for the last of them to end. */
const arrivals = (count: number) =>
  `load: { stages: [{ duration: 500ms, from: ${count * 2}, rate: ${count * 2} }, { duration: 1s, from: 0, rate: 0 }] }`;

describe('a scenario', () => {
  it('carries what it captures from request to request, escaped for where it goes', async () => {
    const token = 'a/b "c"\tü';
    const { all, target } = await service((got, response) => {
      response.setHeader('X-Next', 'n?1');
      response.setHeader('Set-Cookie', ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'sid=s=1; Path=/']);
      if (got.path === '/login') return void response.end(JSON.stringify({ token }));
      response.end('{"items": [{"id": 9007199254740993}], "tag": "<b>T</b>"}');
    });
    const result = await run(
      `target: ${target}
load: { users: 1 }
duration: 4s
variables: { city: 'x&y' }
headers: { Authorization: 'Bearer {token}' }
setup:
  - { post: /login, json: { user: '{city}' }, capture: { token: { json: $.token } } }
tasks:
  - name: chain
    steps:
      - get: /list?city={city}
        capture:
          id: { json: '$.items[0].id' }
          next: { header: X-Next }
          tag: { regex: '<b>(.*)</b>' }
          sid: { cookie: sid }
      - put: /items/{id}/{next}/{token}
        headers: { Cookie: 'sid={sid}' }
        form: { tag: '{tag}', city: 'in {city}' }
      - patch: /items
        json: { all: ['{token}', 1], '{tag}': true }
      - wait: 50ms
teardown:
  - delete: /session/{token}
`,
    );
    const [login, list, put, patch] = all as [Got, Got, Got, Got];
    expect(login).toMatchObject({ method: 'POST', path: '/login', body: '{"user":"x&y"}' });
    expect(login.headers).not.toHaveProperty('authorization');
    expect(list.path).toBe('/list?city=x%26y');
    expect(list.headers).not.toHaveProperty('cookie');
    expect(Buffer.from(list.headers.authorization!, 'latin1').toString()).toBe('Bearer a/b "c" ü');
    expect(put.path.split('/').map(decodeURIComponent)).toEqual([
      '',
      'items',
      '9007199254740993',
      'n?1',
      token,
    ]);
    expect(put.headers.cookie).toBe('sid=s=1');
    expect([...new URLSearchParams(put.body)]).toEqual([
      ['tag', 'T'],
      ['city', 'in x&y'],
    ]);
    expect(JSON.parse(patch.body)).toEqual({ all: [token, 1], '{tag}': true });
    expect(all.at(-1)).toMatchObject({ method: 'DELETE' });
    expect(all.filter(({ method }) => method === 'DELETE' || method === 'POST')).toHaveLength(2);
    // Neither setup nor teardown is measured.
    expect(result.sent).toBe(all.length - 2);
    expect(result.byName.map(({ name }) => name)).toEqual([
      'GET /list',
      'PUT /items/{id}/{next}/{token}',
      'PATCH /items',
    ]);
  });

  it('counts checks by name, and ends a task whose capture fails', async () => {
    let n = 0;
    const { target } = await service((got, response) => {
      if (got.path === '/a' && ++n % 4 === 0) response.writeHead(202).end('{"state": "bad"}');
      else response.end('{"state": "ok", "id": 1}');
    });
    const result = await run(
      `target: ${target}
${arrivals(100)}
tasks:
  - name: a
    steps:
      - get: /a
        name: first
        expect: { status: [200, 202], bodyContains: '"ok"', json: { $.state: ok }, header: { date: GMT }, latency: <1h }
        capture: { id: { json: $.id } }
      - get: /b/{id}
`,
    );
    const [first, second] = result.byName;
    const failed = first!.checks.find(({ name }) => name === 'captured id')!.failed;
    expect(failed).toBeGreaterThanOrEqual(24);
    expect(failed).toBeLessThanOrEqual(26);
    const passed = 100 - failed;
    expect(first).toMatchObject({ name: 'first', sent: 100, unexpected: 0 });
    // What it compares with may be missing, so the other checks of that answer fail, too.
    expect(first!.checks).toEqual(
      [
        'captured id',
        'status is 200 or 202',
        `body contains '"ok"'`,
        '$.state is "ok"',
        `date contains 'GMT'`,
        'latency <1h',
      ].map((name) => ({ name, passed, failed })),
    );
    expect(second).toMatchObject({ name: 'GET /b/{id}', sent: passed });
    expect(result.iterations).toMatchObject({ begun: 100, endedEarly: failed });
  });

  it('reads each answer before its connection has the next request', async () => {
    const { target } = await service((_, response) => void setTimeout(() => response.end('{"id": 1}'), 5));
    const result = await run(`target: ${target}
connections: 1
${arrivals(100)}
tasks:
  - name: a
    steps: [{ get: /a, capture: { id: { json: $.id } } }]
`);
    expect(result.generator.mostConnections).toBe(1);
    const { sent, checks } = result.byName[0]!;
    expect(checks).toEqual([{ name: 'captured id', passed: sent, failed: 0 }]);
  });

  it('fails the checks of what is not answered', async () => {
    const { target } = await service((got, response) => {
      if (got.path === '/never') response.destroy();
      else response.end('{}');
    });
    const result = await run(`target: ${target}
${arrivals(20)}
tasks:
  - name: a
    steps: [{ get: /never, expect: { status: 200 } }, get: /x]
`);
    expect(result.byName[0]).toMatchObject({
      failed: 20,
      checks: [{ name: 'status is 200', passed: 0, failed: 20 }],
    });
    expect(result.byName[1]).toMatchObject({ sent: 20 });
  });

  it('has no check of a task that is never chosen', async () => {
    const { all, target } = await service();
    const result = await run(
      `target: ${target}
${arrivals(20)}
tasks:
  - { name: never, weight: 0, steps: [{ get: /never, expect: { status: 200 }, capture: { id: { json: $.id } } }] }
  - { name: a, steps: [get: /a] }
thresholds: ['checks>90%', 'checks{check=status is 200}>90%', 'checks>90% or-no-data: pass']
`,
      [],
      [7],
    );
    expect(result.byName.flatMap(({ checks }) => checks)).toEqual([]);
    expect(result.thresholds.map(({ verdict, observed }) => [verdict, observed])).toEqual([
      ['no-data', "no check was made, of 'captured id', 'status is 200'"],
      ['no-data', "the check 'status is 200' was never made; there were 'captured id'"],
      ['passed', "no check was made, of 'captured id', 'status is 200', which passes"],
    ]);
    expect(new Set(all.map(({ path }) => path))).toEqual(new Set(['/a']));
  });

  it('has thresholds for requests with a tag, of the scenario, a task or a step', async () => {
    const { target } = await service(
      (got, response) => void response.writeHead(got.path === '/bad' ? 500 : 200).end(),
    );
    const result = await run(
      `target: ${target}
${arrivals(20)}
tags: { team: billing, tier: one }
tasks:
  - name: a
    tags: { tier: two }
    steps: [get: /a, { get: /bad, tags: { team: meters } }]
thresholds:
  - errors{team=meters}>=20
  - errors{team=billing}<1
  - sent{tier=two}>=40
  - sent{tier=two,team=meters}<=20
  - sent{tier=one}<1
`,
      [],
      [7],
    );
    expect(result.thresholds.map(({ verdict, observed }) => [verdict, observed])).toEqual([
      ['passed', '20 of 20 failed or had an unexpected answer: 20 = 20'],
      ['passed', '0 of 20 failed or had an unexpected answer: 0 < 1'],
      ['passed', '40 of 40 were sent: 40 = 40'],
      ['passed', '20 of 20 were sent: 20 = 20'],
      ['no-data', "no request had the tier 'one'; there were 'two'"],
    ]);
  });

  it.each([
    ['sequential', 2],
    ['random', 2],
    ['once', 2],
  ])('takes rows of a feed: %s, over %i threads', async (order, threads) => {
    const { all, target } = await service();
    const rows = Array.from({ length: 25 }, (_, i) => `${i},"name, ${i}"`);
    await writeFile(join(folder, 'meters.csv'), `id,name\n${rows.join('\n')}\n`);
    const result = await run(
      `target: ${target}
${arrivals(100)}
feeds: { meters: { file: meters.csv, order: ${order} } }
tasks:
  - { name: a, steps: [{ post: '/meters/{meters.id}', json: { name: '{meters.name}' } }] }
`,
      ['--threads', `${threads}`],
    );
    const ids = all.map(({ path, body }) => {
      const id = path.replace('/meters/', '');
      // One row for all of a task.
      expect(JSON.parse(body)).toEqual({ name: `name, ${id}` });
      return Number(id);
    });
    const times = Array.from({ length: 25 }, (_, i) => ids.filter((id) => id === i).length);
    expect(result.byName).toHaveLength(1);
    if (order === 'sequential') expect(times).toEqual(Array<number>(25).fill(4));
    else if (order === 'random') expect(new Set(times).size).toBeGreaterThan(1);
    else {
      expect(times).toEqual(Array<number>(25).fill(1));
      expect(result).toMatchObject({ sent: 25, unsent: 0 });
      expect(result.durationMs).toBeLessThan(1500);
    }
  });

  it('has one row for requests of many ids', async () => {
    const requests = scaled(2000);
    const { target } = await service();
    const ids = Array.from({ length: 100_000 }, (_, i) => `meter-${i}`);
    await writeFile(join(folder, 'meters.csv'), `id\n${ids.join('\n')}\n`);
    const result = await run(`target: ${target}
load: { rate: 1000 }
duration: ${requests / 1000}s
feeds: { meters: { file: meters.csv } }
tasks:
  - { name: a, steps: [get: '/meters/{meters.id}/latest'] }
`);
    expect(result.byName.map(({ name }) => name)).toEqual(['GET /meters/{meters.id}/latest']);
    expect(result.requests).toBe(requests);
  });

  it('obeys Retry-After where the step says so, and sends the same request again', async () => {
    const refused = new Set<string>();
    const { all, target } = await service((got, response) => {
      if (got.path === '/ignored') response.writeHead(503, { 'Retry-After': '60' }).end();
      else if (refused.has(got.body)) response.end('{}');
      else {
        refused.add(got.body);
        response.writeHead(429, { 'Retry-After': '1' }).end();
      }
    });
    const result = await run(
      `target: ${target}
load: { stages: [{ duration: 500ms, from: 2, rate: 2 }, { duration: 6s, from: 0, rate: 0 }] }
tasks:
  - name: a
    steps:
      - get: /ignored
      - { post: /obeyed, body: '{uuid}', onRetryAfter: obey, expect: { status: 200 } }
`,
    );
    const [, first, second] = all as [Got, Got, Got];
    expect(all.map(({ path }) => path)).toEqual(['/ignored', '/obeyed', '/obeyed']);
    expect(second.at - first.at).toBeGreaterThanOrEqual(990);
    expect(second.body).toBe(first.body);
    expect(result.iterations).toEqual({ begun: 1, endedEarly: 0, retryAfterObeyed: 1 });
    expect(result.byName[1]!.checks).toEqual([{ name: 'status is 200', passed: 1, failed: 0 }]);
  });

  it('keeps the warm-up out of the statistics', async () => {
    // By their numbers: requests on two connections may come in another order.
    const { all, target } = await service(({ path }, response) => {
      if (Number(path.slice(1)) < 50) response.writeHead(500).end();
      else response.end('{}');
    });
    const rows = Array.from({ length: 100 }, (_, n) => n);
    await writeFile(join(folder, 'numbers.csv'), `n\n${rows.join('\n')}\n`);
    const result = await run(
      `target: ${target}
load: { rate: 50 }
duration: 1s
warmup: 1s
feeds: { numbers: { file: numbers.csv } }
tasks: [{ name: a, steps: [{ get: '/{numbers.n}', expect: { status: 200 } }] }]
thresholds: [error_rate<1%]
`,
    );
    expect(all.length).toBe(100);
    expect(result).toMatchObject({ sent: 50, warmup: { sent: 50, answered: 50, failed: 0, incomplete: 0 } });
    expect(result.errors.total).toBe(0);
    expect(result.byName[0]!.checks).toEqual([{ name: 'status is 200', passed: 50, failed: 0 }]);
    expect(result.thresholds[0]).toMatchObject({ verdict: 'passed' });
  });

  it('lets users of a ramp come and go, and wait between tasks', async () => {
    const { target } = await service((_, response) => void setTimeout(() => response.end('{}'), 20));
    const result = await run(
      `target: ${target}
load: { stages: [{ duration: 1s, users: 10 }, { duration: 1s, users: 0 }] }
wait: { constant: 100ms }
tasks: [{ name: a, steps: [get: /a] }]
`,
      ['--threads', '2'],
    );
    // 10 users at most, each with one request in 120 ms: a triangle of 2 s. A busy machine sends fewer.
    expect(result.sent).toBeLessThanOrEqual((10 * 2000) / 2 / 120 + 20);
    expect(result.sent).toBeGreaterThan(20);
    expect(result.generator.mostConnections).toBeLessThanOrEqual(10);
    expect(result.failed).toBe(0);
  });

  it('sends only to hosts that are named', async () => {
    const [named, other] = [await service(), await service()];
    const answer = await service(
      (_, response) =>
        void response.writeHead(302, { Location: `${other.target}/moved` }).end(`{"url": "${other.target}"}`),
    );
    const result = await run(
      `target: ${answer.target}
${arrivals(20)}
tasks:
  - name: a
    steps:
      - get: /a
        capture: { url: { json: $.url } }
      - get: //{url}/@{url}
        headers: { X-Url: '{url}' }
      - get: ${named.target}/named
`,
    );
    expect(result.byName.map(({ name, sent }) => [name, sent])).toEqual([
      ['GET /a', 20],
      ['GET //{url}/@{url}', 20],
      [`GET ${named.target}/named`, 20],
    ]);
    expect(named.all).toHaveLength(20);
    expect(other.all).toEqual([]);
  });

  it.each([
    [['--rate', '10'], 10],
    [['--rate', '10', '--duration', '2s'], 20],
    [['--stages', '1s:20'], 10],
    [['--rate', '15', '--poisson'], 15],
  ])('takes its load from flags: %j', async (args, requests) => {
    const { target } = await service();
    const yaml = `target: ${target}\nload: { users: 500 }\nduration: 1s\ntasks: [{ name: a, steps: [get: /a] }]\n`;
    expect((await run(yaml, args)).requests).toBe(requests);
  });
});
