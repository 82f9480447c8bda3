import { describe, expect, it } from 'vitest';

import { logBeta, logGamma } from '../../../src/lib/statistics/log-gamma.js';

// From mpmath at 40 digits, rounded.
const logGammas: [number, number][] = [
  [1e-5, 11.512919692895826],
  [0.1, 2.252712651734206],
  [0.5, 0.5723649429247001],
  [1, 0],
  [1.5, -0.12078223763524522],
  [2, 0],
  [3.25, 0.9358019311087253],
  [9.99, 12.779315214350193],
  [10, 12.801827480081469],
  [123.456, 469.60554712992945],
  [1e6, 12815504.569147611],
  [1000000000.1, 19723265829.576042],
  [1e12, 26631021115915.652],
];

const logBetas: [number, number, number][] = [
  [0.1, 1, 2.302585092994046],
  [0.1, 1e9, 0.18038606808456484],
  [10.1, 999999991, -196.2774581695805],
  [3.6, 4.25, -4.796942751091332],
  [500000.1, 500001, -693153.2386913041],
  [1e9, 1e9, -1386294370.2160113],
  [0.1, 1000001, 0.8711615409377895],
  [1000000000.1, 1, -20.723265837046412],
];

/** Relative to the larger of 1 and the expected value. */
function error(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
}

describe('logGamma', () => {
  it.each(logGammas)('of %d', (x, expected) => {
    expect(error(logGamma(x), expected)).toBeLessThan(2e-14);
  });
});

describe('logBeta', () => {
  it.each(logBetas)('of %d and %d, either way round', (a, b, expected) => {
    expect(error(logBeta(a, b), expected)).toBeLessThan(2e-14);
    expect(logBeta(b, a)).toBe(logBeta(a, b));
  });
});
