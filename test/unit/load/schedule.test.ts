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
