import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join, delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { locustFolder, vegetaProgram } from '../../servers/cache-folder.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { metrify } from '../run.js';
import { listen } from './run-load.js';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
const TOKEN = 's3cret"$(x)`';

let folder: TemporaryDirectory;
beforeAll(async () => {
  folder = await temporaryDirectory('export');
  await writeFile(join(folder.path, 'meters.csv'), 'id,kwh\n17,1\n"18 ü/?#",2\n"a""b",3\n');
});
afterAll(() => folder.remove());

/** Answers only what is whole, and keeps how often it was asked for what. */
async function meteringApi(atEnd?: typeof afterAll): Promise<{ url: string; seen: Map<string, number> }> {
  const seen = new Map<string, number>();
  const ids = new Set(['17', '18 ü/?#', 'a"b']);
  const url = await listen(
    createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { method, headers } = request;
        const [, first = '', second = ''] = request.url!.split('?')[0]!.split('/').map(decodeURIComponent);
        const key = `${method} /${first}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
        const answer = (status: number, value: unknown, more = {}) =>
          response
            .writeHead(status, { 'content-type': 'application/json', ...more })
            .end(JSON.stringify(value));
        if (headers.authorization !== `Bearer ${TOKEN}`) return answer(401, { headers });
        if (headers.cookie !== undefined) return answer(400, 'a cookie that nobody said');
        if (first === 'login') return answer(201, { session: 'abc/1' }, { 'set-cookie': 'seen=1; Path=/' });
        if (first === 'meters')
          return ids.has(second) ? answer(200, { kwh: [1.5, { a: true }] }) : answer(404, second);
        if (first === 'forecast') {
          const { meter, note } = JSON.parse(body) as { meter: string; note: string };
          const isWhole =
            ids.has(meter) && note === `it's "quoted"\n\u2028` && headers['x-session'] === 'abc/1';
          return isWhole
            ? answer(202, { job: { id: 9007199254 } }, { etag: '"v1"' })
            : answer(422, { meter, note });
        }
        if (first === 'jobs')
          return answer(second === '9007199254' && headers['if-match'] === '"v1"' ? 200 : 412, 'done');
        if (first === 'form') {
          const fields = new URLSearchParams(body);
          return answer(
            fields.get('a&') === "x y+'" && /^[\da-f-]{36}$/.test(fields.get('id')!) ? 200 : 400,
            body,
          );
        }
        return answer(200, second);
      });
    }),
    atEnd,
  );
  return { url, seen };
}

const head = (url: string) => `
target: ${url}
variables: { token: { env: TOKEN } }
headers: { Authorization: 'Bearer {token}' }
feeds: { meters: { file: meters.csv, order: random } }
`;

/** Three tasks that need nothing but the feed. */
const simple = (url: string) => `${head(url)}
load: { users: 8 }
duration: 3s
tasks:
  - { name: latest, weight: 3, steps: [{ get: '/meters/{meters.id}', name: latest }] }
  - { name: ping, weight: 1.5, steps: [{ get: /ping }] }
  - { name: "*/ \\" ''' \\n# $(x)", weight: 0.5, steps: [{ put: '/form', form: { 'a&': "x y+'", id: '{uuid}' }, name: 'form \\" */' }] }
thresholds: ['p95<30s', 'error_rate<1%']
`;

/** Everything that an answer is needed for. */
const chained = (url: string) => `${head(url)}
load: { users: 2 }
duration: 4s
wait: 1ms..3ms
setup:
  - { post: /login, json: { user: me }, expect: { status: 201 }, capture: { session: { json: $.session }, seen: { cookie: seen } } }
tasks:
  - name: latest
    tags: { team: meters }
    steps:
      - get: /meters/{meters.id}
        expect: { json: { '$.kwh': [1.5, { a: true }] }, header: { content-type: json }, latency: <30s }
  - name: forecast
    steps:
      - post: /forecast
        headers: { X-Session: '{session}' }
        json: { meter: '{meters.id}', note: "it's \\"quoted\\"\\n\\L" }
        expect: { status: [200, 202] }
        capture: { job: { json: $.job.id }, etag: { header: ETag }, whole: { regex: '"id":(\\d+)' } }
      - { wait: { exponential: 1ms } }
      - { get: '/jobs/{job}', headers: { If-Match: '{etag}' }, expect: { bodyContains: on } }
      - { get: '/jobs/{whole}', headers: { If-Match: '{etag}' } }
teardown: [{ delete: '/out/{session}' }]
thresholds: ['checks>99%', 'error_rate<1%', 'p95{name=GET /jobs/{job}}<30s', 'p95{team=meters}<30s']
`;

let exports = 0;
async function exported(scenario: string, engine: string, ...args: string[]) {
  const name = `scenario-${++exports}`;
  await writeFile(join(folder.path, `${name}.yaml`), scenario);
  const to = join(folder.path, name);
  const end = await metrify(
    ['load', 'export', `${name}.yaml`, '--engine', engine, '--to', to, '--json', ...args],
    { cwd: folder.path },
  );
  expect(end.code, end.stderr).toBe(0);
  const files = await readdir(to);
  const texts = await Promise.all(files.map((file) => readFile(join(to, file), 'utf8')));
  expect(texts.join('')).not.toContain('s3cret');
  return { to, files, text: (file: string) => texts[files.indexOf(file)]!, warnings: end.json().warnings };
}

const totalOf = (seen: ReadonlyMap<string, number>) =>
  [...seen.values()].reduce((sum, count) => sum + count, 0);

/** What our own engine sends of the same scenario. */
let own: ReadonlyMap<string, number>;
beforeAll(async () => {
  const { url, seen } = await meteringApi(afterAll);
  await writeFile(join(folder.path, 'own.yaml'), simple(url));
  const args = ['load', 'run', 'own.yaml', '--rate', '1000', '--duration', '5s'];
  const end = await metrify(args, { cwd: folder.path, env: { TOKEN } });
  // 7 where this machine was too busy to send in time.
  expect(end.code, end.stderr).toBeOneOf([0, 7]);
  own = seen;
});

/** The shares of our own run, but for chance and two percentage points. */
function expectMix(seen: ReadonlyMap<string, number>): void {
  const [total, totalOfOwn] = [totalOf(seen), totalOf(own)];
  expect(total).toBeGreaterThan(100);
  expect(totalOfOwn).toBeGreaterThan(1000);
  expect([...seen.keys()].sort()).toEqual([...own.keys()].sort());
  for (const [key, count] of own) {
    const share = count / totalOfOwn;
    const chance = 5 * Math.sqrt(share * (1 - share) * (1 / total + 1 / totalOfOwn));
    expect(Math.abs(seen.get(key)! / total - share), key).toBeLessThan(0.02 + chance);
  }
}

it('metrify itself sends the mix of the weights', () => {
  for (const [key, share] of [
    ['GET /meters', 0.6],
    ['GET /ping', 0.3],
    ['PUT /form', 0.1],
  ] as const) {
    const chance = 5 * Math.sqrt((share * (1 - share)) / totalOf(own));
    expect(Math.abs(own.get(key)! / totalOf(own) - share), key).toBeLessThan(chance);
  }
});

interface StandInResult {
  readonly options: Record<string, unknown>;
  readonly requests: Record<string, number>;
  readonly checks: Record<string, { passed: number; failed: number }>;
}

async function k6(to: string, iterations: number): Promise<StandInResult> {
  const args = [join(here, 'k6/stand-in.js'), to, String(iterations)];
  const { stdout } = await run(process.execPath, args, { env: { ...process.env, TOKEN } });
  return JSON.parse(stdout) as StandInResult;
}

async function locust(to: string): Promise<{ code: number; output: string }> {
  const env = { ...process.env, TOKEN, PYTHONPATH: locustFolder() };
  const args = ['-m', 'locust', '-f', 'locustfile.py', '--headless', '--only-summary'];
  try {
    const { stdout, stderr } = await run('python3', args, { cwd: to, env, timeout: 120_000 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

describe('load export --engine k6', () => {
  it('sends the mix of the weights', async () => {
    const { url, seen } = await meteringApi();
    const { to } = await exported(simple(url), 'k6');
    const { options, requests } = await k6(to, 800);
    expectMix(seen);
    expect(requests['form \\" */']).toBe(seen.get('PUT /form'));
    expect(options).toMatchObject({
      scenarios: { main: { executor: 'constant-vus', vus: 8, duration: '3s', gracefulStop: '5s' } },
      thresholds: {
        'http_req_duration{expected_response:true}': ['p(95)<30000'],
        http_req_failed: ['rate<0.01'],
      },
    });
  });

  it('captures, checks, sets up and tears down', async () => {
    const { url, seen } = await meteringApi();
    const { to } = await exported(chained(url), 'k6');
    const { checks, options } = await k6(to, 100);
    expect(Object.entries(checks).filter(([, { failed }]) => failed > 0)).toEqual([]);
    expect(Object.keys(checks).sort()).toEqual(
      [
        ...[
          'captured session',
          'captured seen',
          'status is 201',
          'captured job',
          'captured etag',
          'captured whole',
        ],
        ...[
          '$.kwh is [1.5,{"a":true}]',
          "content-type contains 'json'",
          'latency <30s',
          'status is 200 or 202',
        ],
        "body contains 'on'",
      ].sort(),
    );
    expect([seen.get('POST /login'), seen.get('DELETE /out')]).toEqual([1, 1]);
    expect(seen.get('GET /jobs')).toBe(2 * seen.get('POST /forecast')!);
    expect(options['thresholds']).toMatchObject({
      'checks{scenario:main}': ['rate>0.99'],
      'http_req_duration{expected_response:true,scenario:main,team:meters}': ['p(95)<30000'],
    });
  });

  it('is a program by the types of k6', async () => {
    const { url } = await meteringApi();
    const folders = [await exported(simple(url), 'k6'), await exported(chained(url), 'k6')];
    const options = {
      ...{ allowJs: true, checkJs: true, strict: true, noEmit: true, target: 'es2022', lib: ['es2023'] },
      ...{ module: 'esnext', moduleResolution: 'bundler', types: [] },
      paths: {
        k6: [join(root, 'node_modules/@types/k6/index.d.ts')],
        'k6/*': [join(root, 'node_modules/@types/k6/*/index.d.ts')],
      },
    };
    const config = join(folder.path, 'tsconfig.json');
    const files = folders.map(({ to }) => join(to, 'script.js'));
    await writeFile(config, JSON.stringify({ compilerOptions: options, files }));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const end = await run(process.execPath, [tsc, '-p', config]).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(end.stdout).toBe('');
  });

  it('comes with a TestRun that runs once, and has its secrets from the cluster', async () => {
    const { url } = await meteringApi();
    const { text } = await exported(simple(url), 'k6');
    const [configMap, testRun] = parseAllDocuments(text('testrun.yaml')).map(
      (document) => document.toJS() as Record<string, unknown>,
    );
    expect(configMap).toMatchObject({ kind: 'ConfigMap', data: { 'script.js': text('script.js') } });
    expect(testRun).toMatchObject({
      apiVersion: 'k6.io/v1alpha1',
      kind: 'TestRun',
      spec: {
        parallelism: 1,
        script: { configMap: { file: 'script.js' } },
        runner: { env: [{ name: 'TOKEN', valueFrom: { secretKeyRef: { key: 'TOKEN' } } }] },
      },
    });
    // Without its TestRun, whatever keeps the cluster as a repository says would start the test again.
    expect(testRun!['spec']).not.toHaveProperty('cleanup');
  });

  it('has rates below one a second, ramps, jumps, a warm-up and thresholds that end the run', async () => {
    const { url } = await meteringApi();
    const staged = simple(url)
      .replace(
        /load: .*\nduration: .*/,
        'load: { stages: [{ duration: 10s, rate: 0.5 }, { duration: 5s, from: 2, rate: 2 }] }\nwarmup: 4s',
      )
      .replace(/thresholds: .*/, "thresholds: ['max<2s abort after 3s', 'p95{name=latest}<1s']");
    const { to, warnings } = await exported(staged, 'k6');
    const { options } = await k6(to, 1);
    const unit = { timeUnit: '10s', maxVUs: 1000 };
    expect(options).toMatchObject({
      scenarios: {
        warmup: { executor: 'constant-arrival-rate', rate: 5, duration: '4s', ...unit },
        main: {
          executor: 'ramping-arrival-rate',
          startTime: '4s',
          startRate: 0,
          stages: [
            { duration: '10s', target: 5 },
            { duration: '0s', target: 20 },
            { duration: '5s', target: 20 },
          ],
          ...unit,
        },
      },
      thresholds: {
        'http_req_duration{expected_response:true,scenario:main}': [
          { threshold: 'max<2000', abortOnFail: true, delayAbortEval: '3s' },
        ],
        'http_req_duration{expected_response:true,scenario:main,name:latest}': ['p(95)<1000'],
      },
    });
    expect(warnings.join('\n')).toContain('k6 measures from the send');
  });
});

needs('locust')('load export --engine locust', () => {
  it('sends the mix of the weights, and judges as metrify does', async () => {
    const { url, seen } = await meteringApi();
    const failing = simple(url).replace("'p95<30s'", "'p50<0.001ms'").replace('duration: 3s', 'duration: 4s');
    const { to } = await exported(failing, 'locust');
    const { code, output } = await locust(to);
    expect(output).toContain('error_rate<1%: passed');
    expect(output).toContain('p50<0.001ms: failed');
    expect(code, output).toBe(3);
    expectMix(seen);
  });

  it('captures, checks, sets up and tears down', async () => {
    const { url, seen } = await meteringApi();
    const { to } = await exported(chained(url), 'locust');
    const { code, output } = await locust(to);
    expect(output).toContain('checks>99%: passed, 1');
    expect(code, output).toBe(0);
    expect([seen.get('POST /login'), seen.get('DELETE /out')]).toEqual([1, 1]);
    expect(seen.get('GET /jobs')).toBeGreaterThan(0);
  });
});

needs('vegeta')('load export --engine vegeta', () => {
  const attack = (to: string) => {
    const path = [dirname(vegetaProgram()), process.env['PATH']].join(delimiter);
    return run('sh', ['attack.sh'], { cwd: to, env: { ...process.env, TOKEN, PATH: path } });
  };

  it('sends the mix of the weights at its rate', async () => {
    const { url, seen } = await meteringApi();
    const { to } = await exported(simple(url), 'vegeta', '--rate', '500', '--duration', '2s');
    for (let tries = 0; tries < 6 && totalOf(seen) < 1000; tries++) {
      seen.clear(); // What vegeta could not send while the machine stalled is missing.
      expect((await attack(to)).stdout).toMatch(/Success +\[ratio\] +100\.00%/);
    }
    expect(Object.fromEntries(seen)).toEqual({ 'GET /meters': 600, 'GET /ping': 300, 'PUT /form': 100 });
  });

  it('leaves out what needs an answer, and says so', async () => {
    const { url, seen } = await meteringApi();
    const { to, warnings } = await exported(chained(url), 'vegeta', '--rate', '50', '--duration', '1s');
    await attack(to);
    expect([...seen.keys()]).toEqual(['GET /meters']);
    expect(warnings).toContain(
      'GET /jobs/{job} of forecast is left out: it needs what was captured from an answer',
    );
  });
});

describe('load export', () => {
  it('writes over nothing, and nothing at all with --dry-run', async () => {
    const name = 'once';
    await writeFile(join(folder.path, 'once.yaml'), simple('http://127.0.0.1:1/'));
    const args = ['load', 'export', 'once.yaml', '--engine', 'k6', '--to', name];
    const options = { cwd: folder.path };
    expect((await metrify([...args, '--dry-run'], options)).code).toBe(0);
    expect(await readdir(folder.path)).not.toContain(name);
    expect((await metrify(args, options)).code).toBe(0);
    const again = await metrify(args, options);
    expect(again.code).toBe(4);
    expect(again.stderr).toContain('is not overwritten');
  });

  it.each([
    [[], '--engine is missing'],
    [['--engine', 'k6'], '--to is missing'],
    [['--engine', 'jmeter', '--to', 'x'], 'not one of k6, locust, vegeta'],
  ])('refuses %j: %s', async (args, message) => {
    await writeFile(join(folder.path, 'bad.yaml'), simple('http://127.0.0.1:1/'));
    const end = await metrify(['load', 'export', 'bad.yaml', ...args], { cwd: folder.path });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(message);
  });
});
