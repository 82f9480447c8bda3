import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Point, type Trend, trendOf, type TrendOptions } from '../../../src/lib/statistics/trend.js';
import { scaled } from '../../scale.js';
import { upperBound } from './clopper-pearson.js';
import { autoregression, normal, seeded } from './sampling.js';

const random = seeded(6);

function series(n: number, value: (share: number, i: number) => number): Point[] {
  return Array.from({ length: n }, (_, i) => ({ at: i * 60, value: value(i / n, i) }));
}

/** How often each verdict is given. */
function verdicts(count: number, points: () => Point[], options: TrendOptions = {}) {
  const tally: Record<Trend['verdict'], number> = { rising: 0, steady: 0, unclear: 0 };
  for (let i = 0; i < count; i++) tally[trendOf(points(), options).verdict]++;
  return tally;
}

const sawtooth =
  (teeth: number, rise = 0) =>
  () => {
    const phase = random();
    return series(600, (share) => 100 + 50 * ((phase + teeth * share) % 1) + rise * share + normal(random));
  };

describe('false alarms', () => {
  it.each([0, 0.3, 0.6, 0.8])(
    'are at most one in twenty where neighbours are correlated at %d',
    (persistence) => {
      const each = scaled(200);
      for (const of of ['level', 'floor'] as const) {
        let alarms = 0;
        for (const n of [30, 60, 300]) {
          const next = autoregression(random, persistence);
          alarms += verdicts(each, () => series(n, () => 100 + 5 * next()), { of }).rising;
        }
        expect(upperBound(alarms, 3 * each), of).toBeLessThan(0.05);
      }
    },
  );

  it.each([5, 7, 10, 14, 33])('the sawtooth of a garbage collector is no leak: %d teeth', (teeth) => {
    const { rising, steady } = verdicts(100, sawtooth(teeth), { of: 'floor' });
    expect(rising).toBe(0);
    if (teeth >= 10) expect(steady).toBeGreaterThan(90);
  });
});

describe('what rises', () => {
  it('a leak of a tenth is found in noise', () => {
    const leak = () => series(120, (share) => 100 + 10 * share + 2 * normal(random));
    expect(verdicts(100, leak).rising).toBeGreaterThan(95);
  });

  it('a leak under a sawtooth is found by its floor', () => {
    expect(verdicts(100, sawtooth(14, 30), { of: 'floor' }).rising).toBeGreaterThan(90);
  });

  it('a step is never steady', () => {
    const step = () => series(120, (share) => (share > 0.5 ? 120 : 100) + normal(random));
    expect(verdicts(100, step).steady).toBe(0);
  });

  it('an error rate that begins at nothing rises by what matters absolutely', () => {
    const rate = () => series(120, (share) => Math.max(0, 0.03 * share + 0.002 * normal(random)));
    expect(verdicts(50, rate, { absolute: 0.01 }).rising).toBeGreaterThan(47);
    expect(verdicts(50, rate, { absolute: 0.1 }).steady).toBe(50);
  });
});

describe('what is steady', () => {
  it('what does not vary at all', () => {
    expect(trendOf(series(20, () => 7))).toMatchObject({ verdict: 'steady', slope: 0, rise: 0 });
    expect(trendOf(series(20, () => 0))).toMatchObject({ verdict: 'steady', slope: 0 });
  });

  it('what rises for sure, by less than matters', () => {
    const { verdict, interval } = trendOf(series(100, (share) => 100 + 2 * share));
    expect(verdict).toBe('steady');
    expect(interval.lower).toBeGreaterThan(0);
  });

  it('what falls', () => {
    expect(trendOf(series(100, (share) => 100 - 40 * share + normal(random))).verdict).toBe('steady');
  });

  it('what rose while it warmed up', () => {
    const warming = series(200, (share) => 100 - 60 * Math.exp(-share * 40) + normal(random));
    expect(trendOf(warming).verdict).toBe('steady');
    expect(trendOf(warming, { warmUp: 0 }).begins).toBeGreaterThan(90);
  });
});

it('of few points nothing is said', () => {
  for (const n of [0, 1, 2, 9])
    expect(trendOf(series(n, (share) => 100 * share)).verdict, String(n)).toBe('unclear');
});

it('points of one moment have no slope', () => {
  expect(trendOf(Array.from({ length: 20 }, () => ({ at: 5, value: random() }))).verdict).toBe('unclear');
});

it('is the same in other units, from another start, and in any order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 2, maxLength: 100 }),
      fc.constantFrom(1, 8, 1024),
      fc.constantFrom('level', 'floor'),
      (values, factor, of) => {
        const points = values.map((value, i) => ({ at: i, value }));
        const plain = trendOf(points, { of });
        const other = trendOf(
          points.map(({ at, value }) => ({ at: 4096 + 2 * at, value: factor * value })).reverse(),
          { of },
        );
        expect(other.verdict).toBe(plain.verdict);
        expect(other.slope).toBeCloseTo((plain.slope * factor) / 2, 6);
        expect(plain.interval.lower).toBeLessThanOrEqual(plain.slope);
        expect(plain.interval.upper).toBeGreaterThanOrEqual(plain.slope);
      },
    ),
  );
});

// What is left of them about a line is small, and as correlated as can be.
describe('smooth curves and stairs, which rise without noise, are found', () => {
  it.each([
    ['a root', (share: number) => 25 + 40 * Math.sqrt(share)],
    ['a parabola', (share: number) => 25 + 40 * share ** 2],
  ])('%s', (_, curve) => {
    for (const count of [20, 60, 240]) {
      const points = Array.from({ length: count }, (_, at) => ({ at, value: curve(at / (count - 1)) }));
      expect(trendOf(points, { relative: 0.1 }).verdict).toBe('rising');
      const falling = points.map(({ at, value }) => ({ at, value: -value }));
      expect(trendOf(falling, { relative: 0.1 }).verdict).toBe('steady');
    }
  });

  it('whole numbers, such as descriptors that leak', () => {
    const rise = fc.double({ min: 40, max: 4000, noNaN: true });
    const phase = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(rise, phase, fc.integer({ min: 14, max: 300 }), (rise, phase, count) => {
        const value = (at: number) => 25 + Math.floor(phase + (rise * at) / (count - 1));
        const points = Array.from({ length: count }, (_, at) => ({ at, value: value(at) }));
        expect(trendOf(points, { relative: 0.1, absolute: 2, alpha: 0.02 }).verdict).toBe('rising');
      }),
    );
  });
});
