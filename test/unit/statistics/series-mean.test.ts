import { expect, it } from 'vitest';

import { lengthNeeded, longRunDeviation } from '../../../src/lib/statistics/length-needed.js';
import { differenceOfMeans, meanOfSeries, type SeriesMean } from '../../../src/lib/statistics/series-mean.js';
import { studentQuantile } from '../../../src/lib/statistics/student-t.js';
import { autoregression, type Random, seeded } from './sampling.js';

function correlated(random: Random, n: number, persistence: number): number[] {
  return Array.from({ length: n }, autoregression(random, persistence));
}

function excludes0({ mean, standardError, freedom }: SeriesMean): boolean {
  return Math.abs(mean) > studentQuantile(0.975, freedom) * standardError;
}

it.each([
  [0, 30],
  [0.3, 30],
  [0.3, 100],
  [0.5, 100],
])('neighbours correlated at %d, %d values: one interval in twenty misses the mean', (persistence, n) => {
  const random = seeded(2);
  let [missed, missedOfTwo, naive] = [0, 0, 0];
  for (let i = 0; i < 4000; i++) {
    const [a, b] = [correlated(random, n, persistence), correlated(random, n, persistence)];
    if (excludes0(meanOfSeries(a))) missed++;
    if (excludes0(differenceOfMeans(meanOfSeries(a), meanOfSeries(b)))) missedOfTwo++;
    const deviation = Math.sqrt(a.reduce((sum, x) => sum + x * x, 0) / n / n);
    if (excludes0({ ...meanOfSeries(a), standardError: deviation, freedom: n - 1 })) naive++;
  }
  expect(missed / 4000).toBeGreaterThan(0.035);
  expect(missed / 4000).toBeLessThan(0.075);
  expect(missedOfTwo / 4000).toBeLessThan(0.075);
  // What takes the values for independent is far off: the simulation would notice.
  if (persistence > 0) expect(naive / 4000).toBeGreaterThan(0.1);
});

it('as many values as are needed find the effect in 95 %, and a quarter of them do not', () => {
  const random = seeded(4);
  const aim = { effect: 0.5, alpha: 0.05, power: 0.95 };
  const n = lengthNeeded({ ...aim, deviation: longRunDeviation(correlated(random, 5000, 0.3)) }, 8);
  const found = (length: number): number => {
    let count = 0;
    for (let i = 0; i < 1000; i++)
      if (excludes0(meanOfSeries(correlated(random, length, 0.3).map((x) => x + 0.5)))) count++;
    return count / 1000;
  };
  expect(found(n)).toBeGreaterThan(0.93);
  expect(found(Math.ceil(n / 4))).toBeLessThan(0.7);
});

it('values that do not vary need the least number, and an effect of nothing cannot be found', () => {
  const aim = { deviation: longRunDeviation([1, 1, 1]), effect: 0.1, alpha: 0.05, power: 0.95 };
  expect(lengthNeeded(aim, 8)).toBe(8);
  expect(lengthNeeded({ ...aim, effect: 0 }, 8)).toBe(Infinity);
  expect(lengthNeeded({ ...aim, deviation: longRunDeviation([1, 2]) }, 8)).toBe(Infinity);
  expect(meanOfSeries([3]).standardError).toBe(Infinity);
});
