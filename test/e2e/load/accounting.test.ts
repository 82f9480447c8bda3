import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import type { LoadResult } from '../../../src/lib/load/result.js';
import { metrify, startMetrify } from '../run.js';
import { http, loadOnceQuiet } from './run-load.js';

async function folder(): Promise<(name: string) => string> {
  const path = await mkdtemp(join(tmpdir(), 'metrify-load-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return (name) => join(path, name);
}

const thresholds = (...expressions: string[]) => expressions.flatMap((one) => ['--threshold', one]);
const verdictsOf = ({ thresholds: all }: LoadResult) =>
  all.map(({ verdict, observed }) => [verdict, observed]);

describe('the rows of times', () => {
  it('speak of the same requests: an open request bounds both, and its wait is known', async () => {
    const url = await http((_, response, n) => {
      if (n % 20 !== 0) response.end('ok');
    });
    const { result } = await loadOnceQuiet([
      'run',
      url,
      '--rate',
      '100',
      '--duration',
      '2s',
      '--drain',
      '500ms',
    ]);
    expect(result.incomplete).toBe(10);
    expect(result.latencyCount).toBe(result.answered + result.incomplete);
    expect(result.lowerBounds).toEqual(['p99', 'p999', 'max']);
    expect(result.serviceLowerBounds).toEqual(['p99', 'p999', 'max']);
    expect(result.serviceTimeMs.p99).toBeGreaterThan(500);
    expect(result.slowest[0]).toMatchObject({
      name: 'GET /',
      outcome: 'incomplete',
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
    const sum = (key: 'sent' | 'answered' | 'incomplete' | 'due') =>
      result.timeline.reduce((all, slice) => all + slice[key], 0);
    expect([sum('due'), sum('sent'), sum('answered'), sum('incomplete')]).toEqual([200, 200, 190, 10]);
    expect(result.timeline[0]).toMatchObject({ targetRate: 100, sent: 100, lengthMs: 1000 });
  });

  it('of a closed loop are never corrected: a hiccup is one request', async () => {
    const hiccup = 30;
    let served = 0;
    const url = await http((_, response, n) => {
      served++;
      if (n === hiccup) setTimeout(() => response.end('ok'), 400);
      else response.end('ok');
    });
    const { code, result } = await loadOnceQuiet(['run', url, '--connections', '1', '--duration', '1s'], {
      before: () => (served = 0),
    });
    expect(code).toBe(0);
    // A correction would have made up what was not sent meanwhile.
    expect(result.latencyCount).toBe(served);
    expect(result.serviceTimeMs).toEqual(result.latencyMs);
    expect(result.waitMs.max).toBeLessThan(1);
    expect(result.slowest[0]!.responseMs).toBeGreaterThanOrEqual(399);
  });

  it('that differ are explained in one sentence', async () => {
    const url = await http((_, response) => void setTimeout(() => response.end('ok'), 200));
    const { result } = await loadOnceQuiet([
      'run',
      url,
      '--rate',
      '100',
      '--connections',
      '5',
      '--duration',
      '2s',
    ]);
    expect(result.latencyNote).toMatch(
      /^At p50, response time is \d+ times service time: requests waited to be sent/,
    );
    expect(result.unsent).toBe(result.requests - result.sent);
  });
});

describe('thresholds', () => {
  it('are judged by name, status and check, with numerator and denominator', async () => {
    const url = await http((_, response, n) => response.writeHead(n % 50 === 0 ? 503 : 200).end('ok'));
    const { code, result } = await loadOnceQuiet([
      'run',
      `${url}a`,
      ...['--rate', '100', '--duration', '1s'],
      ...thresholds(
        'error_rate<=2%',
        'status_503<2%',
        'failed<1,incomplete<1',
        'p95{name=GET /a}<1h',
        'p95{name=GET /b}<1h',
        'checks{check=the body is ok}>99%',
        'checks>99% or-no-data: pass',
      ),
    ]);
    expect(verdictsOf(result)).toEqual([
      ['passed', '2 of 100 failed: 2% = 2%'],
      ['failed', '2 of 100 had status 503: 2% = 2%'],
      ['passed', '0 of 100 failed: 0 < 1'],
      ['passed', '0 of 100 are incomplete: 0 < 1'],
      ['passed', expect.any(String)],
      ['no-data', "no request had the name 'GET /b'; there were 'GET /a'"],
      ['no-data', "the check 'the body is ok' was never made"],
      ['passed', 'no check was made, which passes'],
    ]);
    expect(code).toBe(3);
  });

  it('without data are exit 7, and name the check that was never made', async () => {
    const url = await http((_, response) => response.end('ok'));
    const { code, result } = await loadOnceQuiet([
      ...['run', url, '--rate', '20', '--duration', '1s'],
      ...thresholds('checks{check=it is whole}>99%'),
    ]);
    expect(verdictsOf(result)).toEqual([['no-data', "the check 'it is whole' was never made"]]);
    expect(code).toBe(7);
  });

  it('do not outrank that nothing answered at all', async () => {
    const url = await http(() => {});
    const end = await metrify([
      ...['load', 'run', url, '--rate', '20', '--duration', '500ms', '--drain', '100ms', '--json'],
      ...thresholds('p95<10ms,error_rate<50%'),
    ]);
    expect(end.json<{ result: LoadResult }>().result).toMatchObject({ sent: 10, incomplete: 10 });
    expect(end.code).toBe(5);
  });

  it('that say so end the run, after their grace', async () => {
    const url = await http((_, response) => response.writeHead(500).end());
    const begun = performance.now();
    const { code, result } = await loadOnceQuiet([
      ...['run', url, '--rate', '50', '--duration', '10m'],
      ...thresholds('p95<1ms abort', 'error_rate{name=GET /}<1% abort after 2s'),
    ]);
    expect(performance.now() - begun).toBeLessThan(120_000);
    expect(result.abortedBy).toBe('error_rate{name=GET /}<1% abort after 2s');
    expect(result.durationMs).toBeGreaterThanOrEqual(2000);
    // The rate that was wanted in the time that there was, and not in ten minutes.
    expect(result.targetRate! / 50).toBeGreaterThan(0.1);
    expect(code).toBe(3);
  });

  it('are refused with what was meant', async () => {
    const run = ['load', 'run', 'http://127.0.0.1:1/', '--rate', '1'];
    const end = await metrify([...run, ...thresholds('p95<1s,eror_rate<1%')]);
    expect(end.stderr).toContain("'eror_rate' is not a metric; did you mean 'error_rate'?");
    expect(end.code).toBe(2);
  });
});

describe('a thread that died', () => {
  /** Half a second after its first connection: until then a thread takes its time on a busy machine. */
  const halfway = `const { isMainThread, workerData } = require('node:worker_threads');
     const { Socket } = require('node:net');
     const { connect } = Socket.prototype;
     let isConnected = false;
     if (!isMainThread && workerData?.thread === 1)
       Socket.prototype.connect = function (...args) {
         if (!isConnected) setTimeout(() => { throw new Error('out of sorts') }, 500);
         isConnected = true;
         return connect.apply(this, args);
       };`;

  it('makes the run partial at best, and says which share is missing', async () => {
    const file = await folder();
    await writeFile(file('dies.cjs'), halfway);
    const url = await http((_, response) => response.end('ok'));
    const env = { NODE_OPTIONS: `--require ${file('dies.cjs')}` };
    const args = ['run', url, '--rate', '50', '--duration', '1s', '--threads', '2'];
    const { code, result } = await loadOnceQuiet([...args, ...thresholds('error_rate<1%,rps>40')], { env });
    expect(code).toBe(6);
    expect(result.sent).toBe(25);
    expect(result.generator).toMatchObject({
      lostThreads: 1,
      missing: '50% of the load, 1 thread of 2: thread 2 died (out of sorts)',
    });
    expect(result.timeline.reduce((sum, { sent }) => sum + sent, 0)).toBe(25);
    expect(result.thresholds.map(({ verdict }) => verdict)).toEqual(['passed', 'no-data']);
    const failed = await loadOnceQuiet([...args, ...thresholds('sent>25')], { env });
    expect(failed.code).toBe(3);
  });
});

describe('stopped by Ctrl-C', () => {
  it('still counts what is open with its age, and writes every output', async () => {
    const file = await folder();
    let asked = 0;
    let seen = () => {};
    const enough = new Promise<void>((resolve) => (seen = resolve));
    const url = await http((_, response, n) => {
      if (n % 2 === 0) response.end('ok');
      if (++asked === 60) seen();
    });
    const running = await startMetrify([
      ...['load', 'run', url, '--rate', '50', '--duration', '1h', '--drain', '300ms', '--json'],
      ...['--threshold', 'sent>1'],
      ...['--save', file('run.json'), '--csv', file('run.csv')],
    ]);
    await enough;
    running.signal('SIGINT');
    const end = await running.finished;
    expect(end.code).toBe(130);
    const { result } = JSON.parse(end.stdout) as { result: LoadResult };
    expect(result.sent).toBe(result.answered + result.incomplete);
    expect(result.incomplete).toBeGreaterThan(10);
    expect(result.lowerBounds).toContain('p95');
    // Until the signal, and not the hour that was planned.
    expect(result.targetRate! / 50).toBeGreaterThan(0.1);
    // What held until then says nothing of the hour that was planned.
    const text = await metrify(['load', 'merge', file('run.json')]);
    expect(text.code).toBe(7);
    expect(text.stdout).toMatch(
      /^warn {2}stopped before its end: these are the figures of what ran until then$/m,
    );
    expect(text.stdout).toMatch(/^ok {4}sent>1 /m);
    expect(text.stdout).toMatch(/^warn {2}stopped: whether the thresholds hold .* not known$/m);
    expect(text.stdout).not.toContain('1 threshold passed');
    const merged = await metrify(['load', 'merge', file('run.json'), '--json']);
    expect(merged.json<{ result: LoadResult }>().result).toMatchObject({
      stopped: true,
      sent: result.sent,
      incomplete: result.incomplete,
      latencyMs: result.latencyMs,
    });
    expect(await readFile(file('run.csv'), 'utf8')).toMatch(/^start_s,length_s,/);
  });
});

describe('outputs', () => {
  it('are CSV, Markdown, JUnit, metrics with latencies, and the run itself', async () => {
    const file = await folder();
    await writeFile(file('github.md'), 'before\n');
    const url = await http((_, response, n) => response.writeHead(n % 10 === 0 ? 500 : 200).end('ok'));
    const { code, result } = await loadOnceQuiet(
      [
        ...['run', `${url}a|b`, '--rate', '50', '--duration', '2s'],
        ...['--csv', file('run.csv'), '--summary-file', file('summary.md'), '--junit', file('junit.xml')],
        ...['--metrics-file', file('run.prom'), '--save', file('run.json')],
        ...thresholds('error_rate<5%,p95<1h,checks>1%'),
      ],
      { env: { GITHUB_STEP_SUMMARY: file('github.md') } },
    );
    expect(code).toBe(3);
    const [csv, summary, github, junit, metrics] = await Promise.all(
      ['run.csv', 'summary.md', 'github.md', 'junit.xml', 'run.prom'].map((name) =>
        readFile(file(name), 'utf8'),
      ),
    );

    const [head, ...lines] = csv!
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','));
    const column = (name: string) => lines.map((line) => Number(line[head!.indexOf(name)]));
    expect(column('start_s').slice(0, 2)).toEqual([0, 1]);
    expect(column('sent').reduce((sum, count) => sum + count)).toBe(100);
    expect(column('unexpected').reduce((sum, count) => sum + count)).toBe(10);
    expect(column('p95_ms')[0]).toBe(result.timeline[0]!.latencyMs.p95);

    expect(summary).toContain('| error\\_rate&lt;5%');
    expect(summary).toContain('10 of 100 failed: 10% ≥ 5%');
    expect(summary).toContain('| GET /a\\|b ');
    expect(github!.startsWith('before\n')).toBe(true);
    expect(github!.endsWith(summary!)).toBe(true);

    expect(junit).toContain('tests="3" failures="1" errors="0" skipped="1"');
    expect(junit).toContain('<failure message="10 of 100 failed: 10% ≥ 5%">');

    const sample = (start: string) =>
      Number(
        metrics!
          .split('\n')
          .find((line) => line.startsWith(start))
          ?.split(' ')
          .at(-1),
      );
    const labels = 'command="load.run",job=""';
    expect(sample(`metrify_run_load_response_seconds_count{${labels}}`)).toBe(90);
    expect(sample(`metrify_run_load_response_seconds_bucket{${labels},le="60"}`)).toBe(90);
    expect(
      sample(`metrify_run_load_latency_quantile_seconds{${labels},time="response",quantile="0.95"}`),
    ).toBeCloseTo(result.latencyMs.p95! / 1000, 9);
    expect(sample(`metrify_run_load_error_ratio{${labels}}`)).toBe(0.1);
    expect(sample(`metrify_run_load_threshold_passed{${labels},threshold="error_rate<5%"}`)).toBe(0);
  });

  it('that cannot be written are refused before anything is sent', async () => {
    const file = await folder();
    let asked = 0;
    const url = await http((_, response) => (asked++, response.end()));
    for (const flag of ['--csv', '--summary-file', '--save']) {
      const end = await metrify(['load', 'run', url, '--rate', '10', '--duration', '1s', flag, file('no/x')]);
      expect(end.code).toBe(2);
      expect(end.stderr).toContain(`${flag} ${file('no/x')} cannot be written`);
    }
    expect(asked).toBe(0);
  });
});

describe('load merge', () => {
  it('judges the shards of two machines once, as one run', async () => {
    const file = await folder();
    let asked = 0;
    const url = await http((_, response) => response.writeHead(asked++ % 10 === 0 ? 500 : 200).end('ok'));
    const runBoth = async (): Promise<LoadResult[]> => {
      asked = 0;
      const shards = await Promise.all(
        [1, 2].map((index) =>
          metrify([
            ...['load', 'run', url, '--rate', '51', '--duration', '1s', '--shard', `${index}/2`, '--json'],
            // Machines need not have the same number of threads.
            ...['--save', file(`${index}.json`), '--threads', `${index}`, ...thresholds('error_rate<1%')],
          ]),
        ),
      );
      const results = shards.map((end) => end.json<{ result: LoadResult }>().result);
      // This machine was too busy to start them within a second.
      return results[0]!.startedAt === results[1]!.startedAt ? results : runBoth();
    };
    const results = await runBoth();
    expect(results.map(({ sent, shard }) => [sent, shard])).toEqual([
      [26, { index: 1, of: 2 }],
      [25, { index: 2, of: 2 }],
    ]);
    for (const { startedAt } of results) expect(startedAt).toMatch(/\.000Z$/);
    const { code, result } = await loadOnceMerged([file('1.json'), file('2.json')]);
    expect(result.sent).toBe(51);
    expect(asked).toBe(51);
    expect(result.thresholds).toEqual([
      {
        expression: 'error_rate<1%',
        verdict: 'failed',
        observed: expect.stringMatching(/^6 of 51 failed/) as string,
      },
    ]);
    expect(code).toBe(3);
    const other = await loadOnceMerged([file('1.json'), file('2.json'), ...thresholds('error_rate<20%')]);
    expect([other.code, other.result.thresholds.length]).toEqual([
      other.result.generator.bottleneck ? 7 : 0,
      1,
    ]);

    const missing = await metrify(['load', 'merge', file('2.json')]);
    expect(missing.stderr).toContain('shard 1 of 2 is missing');
    expect(missing.code).toBe(2);
  });

  async function loadOnceMerged(args: readonly string[]) {
    const end = await metrify(['load', 'merge', ...args, '--json']);
    return { code: end.code, result: end.json<{ result: LoadResult }>().result };
  }

  it.each([
    ['that is not there', undefined, 'it does not exist'],
    ['that is another file', 'x', 'is not a saved run: it is not JSON'],
  ])('refuses a file %s', async (_, content, why) => {
    const file = await folder();
    if (content !== undefined) await writeFile(file('run.json'), content);
    const end = await metrify(['load', 'merge', file('run.json')]);
    expect(end.stderr).toContain(why);
    expect(end.code).toBe(2);
  });
});
