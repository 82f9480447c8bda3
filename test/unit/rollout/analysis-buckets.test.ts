import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  addBuckets,
  countAbove,
  quantileBound,
  readBuckets,
  totalOf,
} from '../../../src/lib/rollout/analysis/buckets.js';

const bounds = [0.1, 0.25, 0.5, 1, Infinity];

/** The cumulative counts that a service would export for these latencies. */
function exported(latencies: readonly number[]) {
  return bounds.map((bound) => ({
    labels: { le: bound === Infinity ? '+Inf' : String(bound) },
    increase: latencies.filter((latency) => latency <= bound).length,
  }));
}

function bucketsOf(latencies: readonly number[]) {
  const read = readBuckets(exported(latencies));
  if (!('buckets' in read)) throw new Error('no buckets');
  return read.buckets;
}

const latencies = fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { minLength: 1, maxLength: 60 });

describe('buckets', () => {
  test('hold each latency once, and tell how many lie above a bound', () => {
    fc.assert(
      fc.property(latencies, latencies, (a, b) => {
        const both = addBuckets([bucketsOf(a), bucketsOf(b)])!;
        expect(totalOf(both)).toBe(a.length + b.length);
        for (const bound of bounds)
          expect(countAbove(both, bound)).toBe([...a, ...b].filter((latency) => latency > bound).length);
      }),
    );
  });

  test('give the quantile, rounded up to a bound', () => {
    fc.assert(
      fc.property(latencies, fc.constantFrom(0.5, 0.9, 0.95, 0.99), (all, quantile) => {
        const bound = quantileBound(bucketsOf(all), quantile)!;
        const share = (limit: number) => all.filter((latency) => latency <= limit).length / all.length;
        expect(share(bound)).toBeGreaterThanOrEqual(quantile - 1e-9);
        const below = bounds[bounds.indexOf(bound) - 1];
        if (below !== undefined) expect(share(below)).toBeLessThan(quantile);
      }),
    );
  });

  test('are read in any order, with bounds written in any way', () => {
    const read = readBuckets([
      { labels: { le: '+Inf' }, increase: 5 },
      { labels: { le: '0.50' }, increase: 2 },
      { labels: { le: '0.5' }, increase: 1 },
      { labels: { le: '1e-1' }, increase: 1 },
    ]);
    expect(read).toEqual({ buckets: { bounds: [0.1, 0.5, Infinity], counts: [1, 2, 2] } });
  });

  test('even out counts that decrease', () => {
    const read = readBuckets([
      { labels: { le: '1' }, increase: 4 },
      { labels: { le: '2' }, increase: 3 },
      { labels: { le: '+Inf' }, increase: 5 },
    ]);
    expect(read).toEqual({ buckets: { bounds: [1, 2, Infinity], counts: [4, 0, 1] } });
  });

  test('need +Inf', () => {
    expect(readBuckets([{ labels: { le: '1' }, increase: 4 }])).toEqual({
      problem: 'the latency has no +Inf bucket',
    });
    expect(readBuckets([{ labels: {}, increase: 4 }])).toEqual({ problem: undefined });
  });

  test('of differing bounds are not added', () => {
    const other = { bounds: [0.2, Infinity], counts: [1, 1] };
    expect(addBuckets([bucketsOf([0.1]), other])).toBeUndefined();
    expect(countAbove(other, 0.1)).toBeUndefined();
  });
});
