import { describe, expect, it } from 'vitest';

import { logMass, upperBound } from './clopper-pearson.js';
import { beta, binomial, normal, seeded } from './sampling.js';

// The simulations stand on these: a sampler that is a little off would prove something about other canaries.
describe('binomial', () => {
  it.each([
    [12, 0.3],
    [1000, 0.004],
    [1000, 0.02],
    [60, 0.5],
    [60, 0.9],
    [200_000, 0.0007],
  ])('of %d at %d has the frequencies that it should have', (trials, rate) => {
    const random = seeded(1);
    const draws = 100_000;
    const seen = new Map<number, number>();
    for (let i = 0; i < draws; i++) {
      const events = binomial(random, trials, rate);
      seen.set(events, (seen.get(events) ?? 0) + 1);
    }
    let [chiSquare, cells, rest] = [0, 0, draws];
    for (let events = 0; events <= Math.min(trials, 500); events++) {
      const expected = draws * Math.exp(logMass(events, trials, rate));
      if (expected < 20) continue;
      rest -= expected;
      chiSquare += ((seen.get(events) ?? 0) - expected) ** 2 / expected;
      cells++;
    }
    expect(rest).toBeLessThan(draws * 0.01);
    // Five standard deviations of a chi-square.
    expect(chiSquare).toBeLessThan(cells + 5 * Math.sqrt(2 * cells));
  });
});

describe('beta and normal', () => {
  it('have their means and variances', () => {
    const random = seeded(2);
    const moments = (draw: () => number): [number, number] => {
      const draws = Array.from({ length: 100_000 }, draw);
      const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
      return [mean, draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length];
    };
    const [mean, variance] = moments(() => beta(random, 0.5, 4.5));
    expect(mean).toBeCloseTo(0.1, 2);
    expect(variance / 0.015).toBeCloseTo(1, 1);
    const [middle, spread] = moments(() => normal(random));
    expect(middle).toBeCloseTo(0, 1);
    expect(spread).toBeCloseTo(1, 1);
  });
});

describe('upperBound', () => {
  // The beta quantile that it is, from SciPy; without events 1 − 0.05^(1/n).
  it.each([
    [0, 300, 1 - 0.05 ** (1 / 300)],
    [5, 10, 0.77756],
    [10, 10, 1],
  ])('of %d of %d', (events, trials, expected) => {
    expect(upperBound(events, trials)).toBeCloseTo(expected, 4);
  });
});
