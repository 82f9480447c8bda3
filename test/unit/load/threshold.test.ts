import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CensoredLatencies } from '../../../src/lib/load/censored.js';
import { latenciesOpener } from '../../../src/lib/load/tally.js';
import { decide, judge } from '../../../src/lib/load/judge.js';
import { NameTable } from '../../../src/lib/load/name-table.js';
import { byFilter } from '../../../src/lib/load/observed.js';
import { parseThreshold, splitThresholds } from '../../../src/lib/load/threshold.js';

describe('a threshold', () => {
  it.each([
    ['p95<200ms', { metric: { quantile: 0.95 }, operator: '<', limit: 200 }],
    [' p99.9 <= 1s ', { metric: { quantile: 0.999 }, operator: '<=', limit: 1000 }],
    ['max<2s', { metric: { quantile: 1 }, limit: 2000 }],
    ['error_rate<1%', { metric: 'error_rate', limit: 0.01 }],
    ['error_rate<=0.001', { metric: 'error_rate', limit: 0.001 }],
    ['rps>500', { metric: 'rps', operator: '>', limit: 500 }],
    ['service_p95<1s', { metric: { quantile: 0.95, of: 'service' }, limit: 1000 }],
    ['wait_max<1s', { metric: { quantile: 1, of: 'wait' } }],
    ['p95{name=GET /x}<200ms', { filter: { name: 'GET /x' }, limit: 200 }],
    ['p95 { name = GET /meters/{id}/latest } < 200ms', { filter: { name: 'GET /meters/{id}/latest' } }],
    ['p95{name="GET /a,b=1",team=x}<1s', { filter: { name: 'GET /a,b=1', team: 'x' } }],
    ['p95{name=GET /a,b}<1s', { filter: { name: 'GET /a,b' } }],
    ['p95{name=GET /?q<9}<1s', { filter: { name: 'GET /?q<9' } }],
    ['checks>99%', { metric: 'checks', operator: '>', limit: 0.99 }],
    ['checks{check=status is 200}>=99.9%', { filter: { check: 'status is 200' } }],
    ['failed<1', { metric: 'failed', limit: 1, isShare: false }],
    ['failed{kind=timeout}<0.1%', { filter: { kind: 'timeout' }, limit: 0.001, isShare: true }],
    ['incomplete<=0', { metric: 'incomplete', limit: 0 }],
    ['status_503<1%', { metric: { status: '503' }, limit: 0.01, isShare: true }],
    ['status_5xx<10', { metric: { status: '5xx' }, limit: 10 }],
    ['rps>500 abort', { abortAfterMs: 10_000 }],
    ['p95<200ms abort after 1m', { abortAfterMs: 60_000, passesWithoutData: false }],
    ['checks>99% or-no-data: pass abort after 5s', { passesWithoutData: true, abortAfterMs: 5000 }],
    ['goodput>=450.5', { metric: 'goodput', operator: '>=', limit: 450.5 }],
  ])('%j is read', (text, said) => {
    expect(parseThreshold(text)).toMatchObject(said);
  });

  it.each([
    ['p59th<200ms', "'p59th' is not a metric"],
    ['p101<1s', 'a percentile is at most p100'],
    ['eror_rate<1%', "did you mean 'error_rate'?"],
    ['p(95)<1s', "did you mean 'p95'?"],
    ['http_req_failed<1%', "did you mean 'error_rate'?"],
    ['checks>99', 'more than all'],
    ['p95{check=x}<1s', "only 'checks' has a check"],
    ['error_rate{kind=timeout}<1%', "only 'failed' has a kind"],
    ['p95{}<1s', 'its braces are empty'],
    ['p95{name}<1s', "'name' is not KEY=VALUE"],
    ['p95{name=a,name=b}<1s', "it has 'name' twice"],
    ['p95<200ms abort 10s', "'10s' stands after the limit"],
    ['p95<200ms abort after 10', "'10' is not a duration"],
    ['p95<200ms or-no-data: fail', 'stands after the limit'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => parseThreshold(text)).toThrow(why);
    expect(() => parseThreshold(text)).toThrow(expect.objectContaining({ code: 'THRESHOLD', exitCode: 2 }));
  });

  it('is read again as it is shown', () => {
    const value = fc.string({ minLength: 1, maxLength: 12 }).map((text) => text.replace(/[<>=]/g, ''));
    fc.assert(
      fc.property(value, value, fc.constantFrom('', ' abort', ' or-no-data: pass'), (name, team, suffix) => {
        const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
        const read = parseThreshold(`p95{name=${quote(name)},team=${quote(team)}}<1s${suffix}`);
        expect(read.filter).toEqual({ name, team });
        expect(parseThreshold(read.expression)).toEqual(read);
        expect(splitThresholds(`${read.expression},rps>1`)).toEqual([read.expression, 'rps>1']);
      }),
    );
  });

  it.each(['p95', 'p95<200', 'p101<1s', 'p95=200ms', 'latency<1s', 'rps>1s', 'error_rate<1s', 'rps>', ''])(
    '%j is refused',
    (text) => {
      expect(() => parseThreshold(text)).toThrow(expect.objectContaining({ code: 'THRESHOLD', exitCode: 2 }));
    },
  );

  it('is decided by bounds only where both agree', () => {
    const verdict = (atLeast: number, atMost: number) => decide('<', { atLeast, atMost }, 200);
    expect(verdict(100, 100)).toBe('passed');
    expect(verdict(300, Infinity)).toBe('failed');
    expect(verdict(100, Infinity)).toBe('no-data');
  });
});

describe('a judgement', () => {
  const open = latenciesOpener();
  /** 14 of 14,817 requests to /x time out; /y is asked once, in 5 s. */
  async function judged(expression: string, more: { bottleneck?: string; isPartial?: boolean } = {}) {
    const names = new NameTable(await open);
    const x = names.tallyOf('GET /x', { team: 'billing' });
    x.sent = 14_817;
    for (let i = 0; i < 14_803; i++) x.countAnswer(200, true, 0, 50, 100);
    for (let i = 0; i < 14; i++) x.countFailure('timeout');
    x.countChecks('is whole', { passed: 99, failed: 1 });
    const y = names.tallyOf('GET /y');
    y.sent = 1;
    y.countAnswer(503, false, 0, 0, 5000);
    const observed = byFilter(names, names.total(), await open);
    const run = { ...observed, open: await open, seconds: 10, unsent: 2, isPartial: false, ...more };
    const { verdict, observed: shown } = judge(parseThreshold(expression), run);
    return `${verdict}: ${shown}`;
  }

  it.each([
    ['error_rate{name=GET /x}<=0.1%', 'passed: 14 of 14,817 failed: 0.094% ≤ 0.1%'],
    ['error_rate{team=billing}<0.09%', 'failed: 14 of 14,817 failed: 0.094% ≥ 0.09%'],
    ['error_rate{team=billing}<0.0945%', 'passed: 14 of 14,817 failed: 0.09449% < 0.0945%'],
    ['failed{kind=timeout}<10', 'failed: 14 of 14,818 failed: timeout: 14 ≥ 10'],
    ['failed{kind=reset}<1', 'passed: 0 of 14,818 failed: reset: 0 < 1'],
    ['status_5xx<1%', 'passed: 1 of 14,804 had status 5xx: 0.007% < 1%'],
    ['checks>99%', 'failed: 99 of 100 passed: 99% = 99%'],
    ['checks{check=is hole}>99%', "no-data: the check 'is hole' was never made; there were 'is whole'"],
    ['checks{name=GET /y}>99%', 'no-data: no check was made'],
    ['checks{name=GET /y}>99% or-no-data: pass', 'passed: no check was made, which passes'],
    ['p95{name=GET /y}<1s', 'no-data: no successful answers'],
    ['p95{name=GET /z}<1s', "no-data: no request had the name 'GET /z'; there were 'GET /x', 'GET /y'"],
    ['p95{team=x}<1s', "no-data: no request had the team 'x'; there were 'billing'"],
    ['rps>1480', 'passed: 14,804 answers in 10s: 1480.4/s > 1480/s'],
    ['unsent<1', 'failed: 2 of 14,820 were not sent: 2 ≥ 1'],
  ])('of %s says %s', async (expression, said) => {
    expect(await judged(expression)).toBe(said);
  });

  it('of times and rates has no data where the generator was the limit, and then cannot pass without', async () => {
    const bottleneck = 'the generator itself was late';
    for (const text of ['p95<1ms', 'wait_p95<1ms', 'rps>1', 'goodput>1'])
      expect(await judged(`${text} or-no-data: pass`, { bottleneck })).toBe(`no-data: ${bottleneck}`);
    expect(await judged('error_rate<50%', { bottleneck })).toMatch(/^passed/);
  });

  it('of a name or tag that may be among those beyond the rows has no data, and cannot pass without', async () => {
    const names = new NameTable(await open, ['a'], 1);
    for (const name of ['a', 'b', 'c']) names.tallyOf(name, { team: 'x' }).sent++;
    const observed = byFilter(names, names.total(), await open);
    const run = { ...observed, open: await open, seconds: 1, unsent: 0, isPartial: false };
    const verdict = (text: string) => judge(parseThreshold(text), run).verdict;
    const beyond = ['b', 'c'].find((name) => !names.rows.has(name))!;
    expect(verdict(`sent{name=${beyond}}<2 or-no-data: pass`)).toBe('no-data');
    expect(verdict('sent{team=x}<9 or-no-data: pass')).toBe('no-data');
    expect(verdict('sent{name=a,team=x}<2')).toBe('passed');
    expect(verdict('sent<4')).toBe('passed');
  });

  it('of rates cannot fail for want of a thread that died', async () => {
    expect(await judged('rps>2000', { isPartial: true })).toMatch(/^no-data: .*or more$/);
    expect(await judged('rps>1000', { isPartial: true })).toMatch(/^passed/);
  });
});

describe('a quantile of latencies of which some are only known to be longer', () => {
  it('lies between what it were if those had ended, and if they never did', async () => {
    const open = await latenciesOpener();
    const ms = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(
        fc.array(ms, { maxLength: 40 }),
        fc.array(ms, { maxLength: 10 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (exact, ages, q) => {
          const [known, older] = [open(), open()];
          for (const value of exact) known.record(value);
          for (const value of ages) older.record(value);
          const found = new CensoredLatencies(known, older, open).quantile(q);
          const n = exact.length + ages.length;
          if (n === 0) {
            expect(found).toBeUndefined();
            return;
          }
          const rank = Math.max(1, Math.ceil(q * n - 1e-9));
          const nearest = (values: number[]) => values.sort((a, b) => a - b)[rank - 1]!;
          const ended = nearest([...exact, ...ages]);
          const never = nearest([...exact, ...ages.map(() => Infinity)]);
          // The histogram keeps two digits.
          expect(found!.atLeast).toBeGreaterThan(ended * 0.99);
          expect(found!.atLeast).toBeLessThan(ended * 1.01 + 0.01);
          if (never === Infinity) expect(found!.atMost).toBe(Infinity);
          else expect(Math.abs(found!.atMost - never)).toBeLessThan(never * 0.01 + 0.01);
        },
      ),
    );
  });
});
