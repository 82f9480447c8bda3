import fc from 'fast-check';
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
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

test.each([2, 3] as const)('to %s digits it is the histogram of hdr-histogram-js', async (digits) => {
  const opened = await Latencies.opener(digits);
  const microseconds = fc
    .double({ min: 0, max: 9, noNaN: true })
    .map((exponent) => Math.round(10 ** exponent));
  await fc.assert(
    fc.asyncProperty(fc.array(microseconds, { minLength: 1, maxLength: 200 }), async (values) => {
      const theirs = build({ numberOfSignificantValueDigits: digits, autoResize: true });
      const ours = opened();
      for (const value of values) {
        theirs.recordValue(value);
        ours.record(value / 1000);
      }
      // Whole percents, of which neither rounds the rank differently.
      const quantiles = (quantile: (percent: number) => number) => [1, 25, 50, 75, 100].map(quantile);
      const expected = quantiles((percent) => theirs.getValueAtPercentile(percent));
      expect(quantiles((percent) => Math.round(ours.quantile(percent / 100) * 1000))).toEqual(expected);
      const read = decodeFromCompressedBase64(ours.encode());
      expect(quantiles((percent) => read.getValueAtPercentile(percent))).toEqual(expected);
      expect(read.totalCount).toBe(values.length);
      const back = await Latencies.decode(encodeIntoCompressedBase64(theirs));
      expect(quantiles((percent) => Math.round(back.quantile(percent / 100) * 1000))).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test('a packed one is the same one; counts, sum and width are those of the values', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(latency, { minLength: 1, maxLength: 50 }), share, async (values, q) => {
      const histogram = await histogramOf(values);
      const other = await Latencies.open();
      other.addPacked(histogram.pack());
      expect([other.count, other.quantile(q), other.sum]).toEqual([
        histogram.count,
        histogram.quantile(q),
        histogram.sum,
      ]);
      const held = values.map((value) => Math.min(3_600_000, Math.max(0.001, value)));
      const total = held.reduce((sum, value) => sum + value, 0);
      expect(Math.abs(histogram.sum - total)).toBeLessThanOrEqual(0.001 * total + 0.001 * values.length);
      const [one] = held;
      const width = histogram.widthAt(one!);
      expect(width).toBeLessThanOrEqual(Math.max(0.001, one! / 1000));
      const upTo = (ms: number) => held.filter((value) => value <= ms).length;
      expect(histogram.countUpTo(one!)).toBeGreaterThanOrEqual(upTo(one! - width));
      expect(histogram.countUpTo(one!)).toBeLessThanOrEqual(upTo(one! + width + 0.001));
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
