import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Latencies } from '../../../src/lib/measure/latencies.js';

/** Milliseconds from below the smallest to beyond the longest that are told apart. */
const latency = fc.double({ min: -5, max: 7, noNaN: true }).map((exponent) => 10 ** exponent);
const latencies = fc.array(latency, { maxLength: 200 });
const share = fc.constantFrom(0.01, 0.5, 0.95, 0.99, 1);

async function histogramOf(values: readonly number[]): Promise<Latencies> {
  const histogram = await Latencies.open();
  for (const value of values) histogram.record(value);
  return histogram;
}

/** The nearest rank, by brute force, of what the histogram can hold. */
function nearestRank(values: readonly number[], q: number): number {
  const held = values.map((value) => Math.min(3_600_000, Math.max(0.001, value)));
  return Math.min(...held.filter((one) => held.filter((value) => value <= one).length >= q * held.length));
}

test('a quantile is the nearest rank, to 0.1 % or a microsecond', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(latency, { minLength: 1, maxLength: 200 }), share, async (values, q) => {
      const histogram = await histogramOf(values);
      const exact = nearestRank(values, q);
      expect(Math.abs(histogram.quantile(q) - exact)).toBeLessThanOrEqual(Math.max(0.001, 0.001 * exact));
      expect(histogram.count).toBe(values.length);
    }),
  );
  expect((await Latencies.open()).quantile(0.5)).toBe(0);
});

test('adding up two is recording both, and a stored one is the same one', async () => {
  await fc.assert(
    fc.asyncProperty(latencies, latencies, share, async (some, more, q) => {
      const sum = await histogramOf(some);
      sum.add(await Latencies.decode((await histogramOf(more)).encode()));
      const both = await histogramOf([...some, ...more]);
      expect([sum.count, sum.quantile(q)]).toEqual([both.count, both.quantile(q)]);
      // It continues counting.
      sum.record(3_600_000);
      expect(sum.quantile(1)).toBeGreaterThan(3_590_000);
    }),
    { numRuns: 50 },
  );
});

test('what is not a histogram is not decoded', async () => {
  await expect(Latencies.decode('bm90IG9uZQ==')).rejects.toThrow();
});

test('latencies that are recorded as the same one differ by no more than the width there', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3_000_000_000 }),
      fc.constantFrom(2, 3),
      async (us, digits) => {
        const open = await Latencies.opener(digits);
        const recorded = (ms: number) => {
          const latencies = open();
          latencies.record(ms);
          return latencies.quantile(1);
        };
        const top = recorded(us / 1000);
        const width = open().widthAt(top);
        expect(recorded(top - width + 0.001)).toBe(top);
        expect(recorded(top + 0.001)).toBeGreaterThan(top);
        if (top > width) expect(recorded(top - width)).toBeLessThan(top);
      },
    ),
  );
});
