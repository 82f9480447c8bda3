import { describe, expect, test } from 'vitest';

import type { Measurements, Meter } from '../../../src/lib/rollout/analysis/measurements.js';
import { currentRates, planSteps, type Rates } from '../../../src/lib/rollout/analysis/plan.js';
import { judge } from '../../../src/lib/rollout/analysis/judge.js';
import { analysis as spec, measured } from './example-analysis.js';

const rates: Rates = { perSecond: 100, probed: false, errorRate: 0.001, slowShare: 0.05, designEffect: 1 };
const canary = { steps: [10, 50, 100], intervalMs: 60_000, maxStepDurationMs: 1_800_000 };
const signal = new AbortController().signal;

describe('the plan', () => {
  test('says how many requests pass, as the judge has it', () => {
    for (const { percent, canaryRequests, totalRequests } of planSteps(spec, canary, rates).slice(0, 2)) {
      const share = percent / 100;
      const at = (times: number) =>
        judge(
          spec,
          {
            stable: measured(
              totalRequests! * times * (1 - share),
              totalRequests! * times * (1 - share) * 0.001,
            ),
            canary: measured(canaryRequests! * times, canaryRequests! * times * 0.001),
          },
          { steps: 2, bounds: undefined, share },
        ).verdict;
      expect(at(1.5)).toBe('pass');
      expect(at(0.3)).toBe('wait');
    }
  });

  test('the last step needs none; others take what their requests take, and never less than the interval', () => {
    const [first, second, last] = planSteps(spec, canary, rates);
    expect(first!.ms).toBe(Math.max(60_000, first!.totalRequests! * 10));
    expect(first!.totalRequests).toBeGreaterThan(second!.totalRequests!);
    expect(second!.ms).toBe(60_000);
    expect(last).toEqual({
      percent: 100,
      canaryRequests: undefined,
      totalRequests: undefined,
      ms: 0,
      tooLong: false,
    });
  });

  test('is longer with little traffic, and endless with none', () => {
    expect(planSteps(spec, canary, { ...rates, perSecond: 0.5 })[0]).toMatchObject({ tooLong: true });
    expect(planSteps(spec, canary, { ...rates, perSecond: 0 })[0]).toMatchObject({
      ms: Infinity,
      tooLong: true,
    });
  });

  test('the minimum is a floor of each arm', () => {
    const [first] = planSteps({ ...spec, minRequests: 100_000 }, canary, rates);
    expect(first).toMatchObject({ canaryRequests: 100_000, totalRequests: 1_000_000 });
  });

  test('more where replicas differ, and where latency is judged too', () => {
    const needed = (more: Partial<Rates>, asked = spec) =>
      planSteps(asked, canary, { ...rates, ...more })[0]!.totalRequests!;
    expect(needed({ designEffect: 3 }) / needed({})).toBeCloseTo(3, 1);
    expect(needed({}, { ...spec, latency: 'l' })).toBeGreaterThan(needed({}));
  });

  test('probes go to both versions alike, whatever the weights', () => {
    const [first, second] = planSteps(spec, canary, { ...rates, probed: true });
    expect(first!.canaryRequests).toBe(second!.canaryRequests);
    expect(first!.totalRequests! / first!.canaryRequests!).toBeCloseTo(2, 2);
  });
});

describe('the rates of now', () => {
  const meter = (stable: Measurements, canaryNow: Measurements): Meter => ({
    name: 'a meter',
    remembers: true,
    look: (since) => {
      expect(since).toBe(700_000);
      return Promise.resolve({ counts: { stable, canary: canaryNow }, tally: undefined, warnings: [] });
    },
  });

  test('are those of both versions over five minutes', async () => {
    const latency = { bounds: [0.1, 0.2, Infinity], counts: [90, 6, 4] };
    const found = await currentRates(
      meter(measured(29_000, 29, { latency }), measured(1000, 9)),
      spec,
      1_000_000,
      signal,
    );
    expect(found).toEqual({
      perSecond: 100,
      probed: false,
      errorRate: 0.001,
      slowShare: 0.04,
      designEffect: 1,
    });
  });

  test('are not known without series', async () => {
    expect(
      await currentRates(meter(measured(undefined, 0), measured(5, 0)), spec, 1_000_000, signal),
    ).toBeUndefined();
  });

  test('of probes are those of the file', async () => {
    const never: Meter = { name: 'probes', remembers: false, look: () => Promise.reject(new Error('asked')) };
    const probe = { url: 'http://x', rate: 5, durationMs: 1000, timeoutMs: 1000 };
    expect(
      await currentRates(never, { ...spec, requests: undefined, probe }, 1_000_000, signal),
    ).toMatchObject({
      perSecond: 5,
      probed: true,
    });
  });
});
