import { describe, expect, test } from 'vitest';

import { judge } from '../../../src/lib/rollout/analysis/judge.js';
import { fixBounds } from '../../../src/lib/rollout/analysis/latency-bounds.js';
import type { Buckets, Measurements } from '../../../src/lib/rollout/analysis/measurements.js';
import type { AnalysisSpec } from '../../../src/lib/rollout/spec.js';
import { analysis as spec, measured } from './example-analysis.js';

const plan = { steps: 2, bounds: undefined, share: 0.1 };

function verdicts(judgement: ReturnType<typeof judge>) {
  return Object.fromEntries(judgement.checks.map(({ name, verdict }) => [name, verdict]));
}

describe('errors', () => {
  test('a canary with 5 % of them is rejected, with the numbers it rests on', () => {
    const judgement = judge(spec, { stable: measured(18_000, 18), canary: measured(2000, 100) }, plan);
    expect(judgement.verdict).toBe('reject');
    const [requests, errors] = judgement.checks;
    expect(requests!.observed).toBe('canary 2,000, stable 18,000');
    expect(errors).toMatchObject({
      name: 'errors',
      verdict: 'failed',
      limit: 'an increase of at most 1 point',
    });
    expect(errors!.observed).toMatch(
      /^5% of 2,000 against 0\.1% of 18,000; increase \d\.\d+ to \d\.\d+ points$/,
    );
    expect(errors!.numbers).toMatchObject({
      canary: 100,
      canaryOf: 2000,
      stable: 18,
      stableOf: 18_000,
      designEffect: 1,
    });
    expect(errors!.numbers!.difference).toBeCloseTo(0.049);
    expect(errors!.numbers!.lower).toBeGreaterThan(0.01);
  });

  test('a canary like stable passes once there is enough of it', () => {
    const of = (n: number) =>
      judge(spec, { stable: measured(9 * n, 9 * n * 0.001), canary: measured(n, n * 0.001) }, plan);
    expect(of(150).verdict).toBe('wait');
    const passed = of(5000);
    expect(passed.verdict).toBe('pass');
    expect(passed.checks[1]!.numbers!.upper).toBeLessThan(0.01);
    expect(passed.warnings).toEqual([]);
  });

  test('a few requests that all fail are enough to reject, below the minimum', () => {
    const judgement = judge(spec, { stable: measured(300), canary: measured(30, 30) }, plan);
    expect(verdicts(judgement)).toEqual({ requests: 'waiting', errors: 'failed' });
    expect(judgement.verdict).toBe('reject');
  });

  test('the minimum holds for each arm', () => {
    const few = judge(
      { ...spec, minRequests: 10_000 },
      { stable: measured(90_000, 90), canary: measured(9999, 10) },
      plan,
    );
    expect(verdicts(few)).toEqual({ requests: 'waiting', errors: 'passed' });
    expect(few.verdict).toBe('wait');
    const fewStable = judge(
      { ...spec, minRequests: 10_000 },
      { stable: measured(9999, 9), canary: measured(90_000, 90) },
      plan,
    );
    expect(fewStable.verdict).toBe('wait');
  });

  test('falseAbort is split over steps, falsePromotion is not', () => {
    const counts = { stable: measured(9000, 9), canary: measured(1000, 30) };
    const of = (steps: number) => judge(spec, counts, { ...plan, steps }).checks[1]!.numbers!;
    expect(of(10).lower).toBeLessThan(of(1).lower!);
    expect(of(10).upper).toBe(of(1).upper);
  });

  test('falseAbort is split over metrics', () => {
    const latency = { bounds: [0.1, Infinity], counts: [1000, 0] };
    const counts = { stable: measured(9000, 9, { latency }), canary: measured(1000, 30, { latency }) };
    const errorsOf = (asked: AnalysisSpec) => judge(asked, counts, plan).checks[1]!.numbers!;
    const both = errorsOf({ ...spec, latency: 'sum by (le) (increase(c[{{window}}]))' });
    expect(both.lower).toBeLessThan(errorsOf(spec).lower!);
    expect(both.lower).toBe(judge(spec, counts, { ...plan, steps: 4 }).checks[1]!.numbers!.lower);
  });

  test('an unhealthy stable gives a warning, and blocks no canary that is no worse', () => {
    const judgement = judge(
      spec,
      { stable: measured(180_000, 10_800), canary: measured(20_000, 1200) },
      plan,
    );
    expect(judgement.verdict).toBe('pass');
    expect(judgement.warnings).toEqual([
      'stable itself is unhealthy: 6% of its requests fail; canary is only asked to be no worse',
    ]);
  });

  test('the two are called as they are named', () => {
    const latency = { bounds: [0.1, 0.2, Infinity], counts: [900, 100, 0] };
    const asked = { ...spec, latency: 'sum by (le) (increase(c[{{window}}]))' };
    const counts = {
      stable: measured(1000, 200, { latency }),
      canary: measured(1000, 200, { latency: { ...latency, counts: [100, 900, 0] } }),
    };
    const names = { stable: 'blue', canary: 'green' };
    const named = JSON.stringify(
      judge(asked, counts, { ...plan, bounds: { stable: 0.1, canary: 0.2 }, names }),
    );
    expect(named).toContain('"observed":"green 1,000, blue 1,000"');
    expect(named).toContain("blue's p95 ≤ 100ms, green's ≤ 200ms");
    expect(named).toContain('blue itself is unhealthy');
    // Only the numbers' keys go by role.
    expect(named.match(/"[^"]*"/g)!.filter((text) => /stable |canary |stable's|canary's/.test(text))).toEqual(
      [],
    );
  });

  test('replicas that differ weigh less, and that is said', () => {
    const replica = (requests: number, errors: number) => ({ requests, errors });
    const alike = [replica(1000, 20), replica(1000, 20)];
    const counts = (ours: typeof alike) => ({
      stable: measured(18_000, 18),
      canary: measured(2000, 40, { replicas: ours }),
    });
    const same = judge(spec, counts(alike), plan);
    const differing = judge(spec, counts([replica(1000, 0), replica(1000, 40)]), plan);
    expect(same.checks[1]!.numbers!.designEffect).toBe(1);
    expect(differing.checks[1]!.numbers!.designEffect).toBeGreaterThan(10);
    expect(differing.checks[1]!.numbers!.lower).toBeLessThan(same.checks[1]!.numbers!.lower!);
    const effect = differing.checks[1]!.numbers!.designEffect!;
    const less = judge(
      spec,
      { stable: measured(18_000 / effect, 18 / effect), canary: measured(2000 / effect, 40 / effect) },
      plan,
    );
    expect(differing.checks[1]!.numbers).toMatchObject({
      lower: less.checks[1]!.numbers!.lower,
      upper: less.checks[1]!.numbers!.upper,
    });
    expect(differing.warnings.join()).toMatch(/replicas differ .* approximate/);
    expect(differing.checks[1]!.observed).toMatch(/^2% of 2,000 .*, counts divided by \d+\.\d$/);
  });
});

describe('no data', () => {
  test.each([
    ['there is no series', measured(undefined), 'canary: no series of requests'],
    ['there is no traffic', measured(0), 'canary: no requests since the step began'],
    [
      'its metrics vanished',
      measured(50_000, 50, { silentForMs: 75_000 }),
      'canary: the series stopped 1m 15s ago, after 50,000 requests',
    ],
  ])('of the canary: %s', (_, canary, observed) => {
    const judgement = judge(spec, { stable: measured(100_000, 100), canary }, plan);
    expect(judgement.verdict).toBe('no-data');
    expect(judgement.checks[0]).toMatchObject({ name: 'requests', verdict: 'no-data', observed });
  });

  test('of stable is none either, even when the canary alone looks well', () => {
    for (const stable of [measured(undefined), measured(0), measured(100_000, 100, { silentForMs: 90_000 })])
      expect(judge(spec, { stable, canary: measured(50_000, 50) }, plan).verdict).toBe('no-data');
  });

  test('does not hide what was seen before', () => {
    const canary = measured(2000, 400, { silentForMs: 90_000 });
    expect(judge(spec, { stable: measured(18_000, 18), canary }, plan).verdict).toBe('reject');
  });

  test('what Prometheus extrapolated is said to be', () => {
    const counts = { stable: measured(18_000, 18, { extrapolated: true }), canary: measured(2000, 2) };
    expect(judge(spec, counts, plan).warnings.join()).toContain('extrapolates');
  });
});

describe('latency', () => {
  const asked: AnalysisSpec = { ...spec, latency: 'sum by (le) (increase(c[{{window}}]))' };
  const bounds = [0.05, 0.1, 0.2, 0.25, 0.5, 1, Infinity];
  /** Latencies spread evenly up to twice their median, in 1,000 steps. */
  const spread = (requests: number, median: number): Buckets => {
    const counts = bounds.map(() => 0);
    for (let i = 0; i < 1000; i++) {
      const latency = (2 * median * (i + 0.5)) / 1000;
      counts[bounds.findIndex((bound) => latency <= bound)]! += requests / 1000;
    }
    return { bounds, counts };
  };
  const of = (median: number, share = 0.1, more: Partial<Measurements> = {}) => {
    const stable = spread(50_000 * (1 - share), 0.1);
    const latency = spread(50_000 * share, median);
    return judge(
      asked,
      {
        stable: measured(50_000 * (1 - share), 0, { latency: stable }),
        canary: measured(50_000 * share, 0, { latency, ...more }),
      },
      { steps: 2, bounds: fixBounds(asked, stable).bounds, share },
    );
  };

  test('a canary like stable passes', () => {
    const judgement = of(0.1);
    expect(verdicts(judgement)).toEqual({ requests: 'passed', errors: 'passed', latency: 'passed' });
    expect(judgement.verdict).toBe('pass');
    const latency = judgement.checks[2]!;
    expect(latency.observed).toMatch(
      /^0% of 5,000 above 250ms against 0% of 45,000 above 200ms; increase −.* points$/,
    );
    expect(latency.limit).toBe(
      "stable's p95 ≤ 200ms, canary's ≤ 250ms: a tolerance of 25%; at most 2 points more of its requests above",
    );
    expect(latency.numbers).toMatchObject({ stableBound: 0.2, canaryBound: 0.25, tolerance: 0.02 });
  });

  test('one with 3 × the latency is rejected', () => {
    const judgement = of(0.3);
    expect(judgement.verdict).toBe('reject');
    expect(verdicts(judgement)).toEqual({ requests: 'passed', errors: 'passed', latency: 'failed' });
  });

  test('one without latencies, or with other buckets, never passes', () => {
    expect(of(0.1, 0.1, { latency: undefined }).verdict).toBe('no-data');
    const others = of(0.1, 0.1, { latency: { bounds: [0.1, Infinity], counts: [5000, 0] } });
    expect(verdicts(others).latency).toBe('inconclusive');
    expect(others.verdict).toBe('no-data');
    expect(others.warnings.join()).toContain('differ in their buckets');
    const problem = of(0.1, 0.1, { latencyProblem: 'its histograms differ in their bounds' });
    expect(verdicts(problem).latency).toBe('inconclusive');
    expect(problem.checks[2]!.observed).toBe('canary: its histograms differ in their bounds');
  });

  test('nor one that is judged with buckets that were changed since', () => {
    const latency = spread(5000, 0.1);
    const counts = { stable: measured(5000, 0, { latency }), canary: measured(5000, 0, { latency }) };
    const judgement = judge(asked, counts, { steps: 2, bounds: { stable: 0.3, canary: 0.4 } });
    expect(verdicts(judgement).latency).toBe('inconclusive');
  });

  test('replicas that differ weigh less here too', () => {
    const even = of(0.13, 0.5, { latencyReplicas: [spread(12_500, 0.13), spread(12_500, 0.13)] });
    const uneven = of(0.13, 0.5, { latencyReplicas: [spread(12_500, 0.05), spread(12_500, 0.21)] });
    expect(even.checks[2]!.numbers!.designEffect).toBe(1);
    expect(uneven.checks[2]!.numbers!.designEffect).toBeGreaterThan(2);
  });

  test('without bounds the reason is given', () => {
    const beyond = { bounds, counts: [0, 0, 0, 0, 0, 10, 4990] };
    const counts = {
      stable: measured(5000, 0, { latency: beyond }),
      canary: measured(5000, 0, { latency: beyond }),
    };
    const judgement = judge(asked, counts, { steps: 2, bounds: undefined });
    expect(judgement.verdict).toBe('no-data');
    expect(judgement.checks[2]!.observed).toBe(
      "stable's p95 is above the largest bucket, 1s: latency cannot be judged; add larger buckets",
    );
  });
});

describe('the bounds of a step', () => {
  const asked = { latencyQuantile: 0.95, maxLatencyIncrease: 0.25 };
  const at = (bounds: readonly number[], counts: readonly number[]) => fixBounds(asked, { bounds, counts });

  test('are what the buckets allow', () => {
    const fixed = at([0.1, 0.2, 0.25, Infinity], [90, 5, 4, 1]);
    expect(fixed).toEqual({
      bounds: { stable: 0.2, canary: 0.25 },
      text: "stable's p95 ≤ 200ms, canary's ≤ 250ms: a tolerance of 25%",
      warnings: [],
    });
  });

  test('a bound that a product misses by its last digit is still that bound', () => {
    expect(fixBounds({ ...asked, maxLatencyIncrease: 0.1 }, { bounds: [0.1, 0.11, 1, Infinity], counts: [9, 0, 0, 0] }).bounds).toEqual({ stable: 0.1, canary: 0.11 }); // prettier-ignore
  });

  test('that allow more than 1.5 × what was asked are warned of', () => {
    expect(at([0.1, 0.137, Infinity], [99, 1, 0]).warnings).toEqual([]);
    const coarse = at([0.1, 0.25, Infinity], [99, 1, 0]);
    expect(coarse.bounds).toEqual({ stable: 0.1, canary: 0.25 });
    expect(coarse.warnings.join()).toContain('a tolerance of 150% where 25% was asked');
  });

  test('do not exist beyond the largest bucket, at 0, or without latencies', () => {
    expect(at([0.1, Infinity], [90, 10]).text).toContain("stable's p95 is above the largest bucket, 100ms");
    expect(at([0.1, Infinity], [100, 0]).text).toContain('no bucket but +Inf is at or above 125ms');
    expect(at([0, 1, Infinity], [100, 0, 0]).text).toContain('add smaller buckets');
    expect(at([0.1, Infinity], [0, 0]).text).toContain('stable has no latencies');
    expect(at([Infinity], [5]).bounds).toBeUndefined();
  });
});
