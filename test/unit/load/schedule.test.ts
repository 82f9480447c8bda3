import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Stage } from '../../../src/lib/load/job.js';
import { Schedule } from '../../../src/lib/load/schedule.js';

const hold = (rate: number, durationMs: number): Stage => ({ durationMs, from: rate, to: rate });
const second = 1e9;

/** The integral of the rate, by many small steps. */
function arrivalsUntil(stages: readonly Stage[], ns: number): number {
  let [sum, left] = [0, ns / second];
  for (const { durationMs, from, to } of stages) {
    const length = durationMs / 1000;
    const t = Math.min(left, length);
    const steps = 20_000;
    for (let k = 0; k < steps; k++) {
      const middle = ((k + 0.5) / steps) * t;
      sum += (from + ((to - from) * middle) / length) * (t / steps);
    }
    left -= t;
    if (left <= 0) break;
  }
  return sum;
}

describe('requests of an open loop are due', () => {
  it.each([
    [0.4, 10_000, 4],
    [100, 10_000, 1000],
    [3, 1000, 3],
    [1000, 100, 100],
    [0.1, 5000, 1],
  ])('at %s a second for %s ms: %s of them, evenly', (rate, ms, count) => {
    const schedule = new Schedule([hold(rate, ms)]);
    expect(schedule.count).toBe(count);
    for (let i = 0; i < count; i++) expect(schedule.dueNs(i)).toBe(Math.round((i * second) / rate));
  });

  it('where the sum of the rate reaches their number, whatever the stages are', () => {
    const rate = fc.double({ min: 0, max: 500, noNaN: true });
    const stage = fc.record({ durationMs: fc.integer({ min: 1, max: 5000 }), from: rate, to: rate });
    fc.assert(
      fc.property(
        fc.array(stage, { minLength: 1, maxLength: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (stages, share) => {
          const schedule = new Schedule(stages);
          if (schedule.count === 0) return;
          const i = Math.floor(share * (schedule.count - 1));
          expect(arrivalsUntil(stages, schedule.dueNs(i))).toBeCloseTo(i, 1);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('in whole nanoseconds, never out of order, and within the run', () => {
    const rate = fc.constantFrom(0, 0.4, 1, 10, 1000 / 3);
    const stage = fc.record({ durationMs: fc.integer({ min: 1, max: 3000 }), from: rate, to: rate });
    fc.assert(
      fc.property(fc.array(stage, { minLength: 1, maxLength: 4 }), (stages) => {
        const schedule = new Schedule(stages);
        const end = stages.reduce((sum, { durationMs }) => sum + durationMs, 0) * 1e6;
        let last = 0;
        for (let i = 0; i < schedule.count; i++) {
          const due = schedule.dueNs(i);
          expect(Number.isInteger(due)).toBe(true);
          expect(due).toBeGreaterThanOrEqual(last);
          expect(due).toBeLessThanOrEqual(end);
          last = due;
        }
      }),
    );
  });

  it('in a ramp from zero: the first at its beginning, the last before its end', () => {
    const schedule = new Schedule([{ durationMs: 10_000, from: 0, to: 10 }]);
    expect(schedule.count).toBe(50);
    expect(schedule.dueNs(0)).toBe(0);
    // i = t²/2, so t = √(2i).
    for (let i = 0; i < 50; i++) expect(schedule.dueNs(i)).toBe(Math.round(Math.sqrt(2 * i) * second));
  });
});

describe('arrivals of a Poisson process', () => {
  const rates = fc.constantFrom(0.4, 7, 100, 1000 / 3, 2500);
  const stages = fc.array(
    fc.record({ durationMs: fc.integer({ min: 100, max: 4000 }), from: rates, to: rates }),
    {
      minLength: 1,
      maxLength: 3,
    },
  );

  it('are as many as those at equal times, in order, and within the run', () => {
    fc.assert(
      fc.property(stages, (all) => {
        const schedule = new Schedule(all, 'poisson');
        const even = new Schedule(all);
        expect(schedule.count).toBe(even.count);
        const end = all.reduce((sum, { durationMs }) => sum + durationMs, 0) * 1e6;
        const due = Array.from({ length: schedule.count }, (_, i) => schedule.dueNs(i));
        expect(due.every((at, i) => at >= (due[i - 1] ?? 0) && at <= end)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('have the exact mean: no more than a block of 1,000 is ever between them and equal times', () => {
    const schedule = new Schedule([hold(1000, 60_000)], 'poisson');
    expect(schedule.count).toBe(60_000);
    for (let block = 0; block < 60; block++) {
      expect(schedule.dueNs(block * 1000)).toBeGreaterThanOrEqual(block * second);
      expect(schedule.dueNs(block * 1000 + 999)).toBeLessThan((block + 1) * second);
    }
  });

  it('are the same for any number of threads', () => {
    fc.assert(
      fc.property(stages, fc.integer({ min: 1, max: 7 }), (all, threads) => {
        const alone = new Schedule(all, 'poisson');
        for (let thread = 0; thread < threads; thread++) {
          const shared = new Schedule(all, 'poisson');
          for (let i = thread; i < alone.count; i += threads)
            if (shared.dueNs(i) !== alone.dueNs(i)) expect.fail(`arrival ${i} of ${threads} threads`);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('have exponential times between them: the deviation is the mean, and so is the tail', () => {
    const schedule = new Schedule([hold(1000, 50_000)], 'poisson');
    const gaps = Array.from(
      { length: schedule.count - 1 },
      (_, i) => (schedule.dueNs(i + 1) - schedule.dueNs(i)) / 1e6,
    );
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    expect(mean).toBeCloseTo(1, 2);
    expect(deviation).toBeGreaterThan(0.95);
    expect(deviation).toBeLessThan(1.05);
    for (const ms of [0.5, 1, 2, 3]) {
      const share = gaps.filter((gap) => gap > ms).length / gaps.length;
      expect(Math.abs(share - Math.exp(-ms))).toBeLessThan(0.012);
    }
  });
});
