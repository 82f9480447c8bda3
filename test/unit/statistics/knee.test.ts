import fc from 'fast-check';
import { expect, it } from 'vitest';

import { kneeOf } from '../../../src/lib/statistics/knee.js';
import { normal, seeded } from './sampling.js';

const curve = (y: (x: number) => number, xs = 19) =>
  Array.from({ length: xs }, (_, i) => ({ x: 50 * (i + 1), y: y(50 * (i + 1)) }));

it('is found where latency turns up: flat, then steep', () => {
  const bent = curve((x) => (x <= 600 ? 10 : 10 + (x - 600)));
  expect(kneeOf(bent)).toEqual({ x: 600, y: 10 });
  expect(kneeOf([...bent].reverse())).toEqual({ x: 600, y: 10 });
});

it('is found on the curve of a queue, within noise', () => {
  const random = seeded(1);
  const noisy = curve((x) => (10 / (1 - x / 1000)) * Math.exp(0.05 * normal(random)));
  // Where the slope of 1/(1 − load) is that of the line from the first point to the last: load = 0.78.
  expect(kneeOf(noisy)!.x).toBeGreaterThanOrEqual(700);
  expect(kneeOf(noisy)!.x).toBeLessThanOrEqual(850);
});

it.each([
  ['a straight line', curve((x) => x)],
  ['a curve that flattens', curve((x) => Math.sqrt(x))],
  ['a constant', curve(() => 5)],
  ['three points', curve((x) => x ** 6, 3)],
  ['one rate only', Array.from({ length: 9 }, (_, i) => ({ x: 5, y: i }))],
  ['nothing', []],
])('%s has none', (_, points) => {
  expect(kneeOf(points)).toBeUndefined();
});

it('does not depend on the units', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 4, maxLength: 20 }), (ys) => {
      const points = ys.map((y, x) => ({ x, y }));
      const knee = kneeOf(points);
      expect(kneeOf(points.map(({ x, y }) => ({ x: 8 * x, y: 4 * y })))).toEqual(
        knee && { x: 8 * knee.x, y: 4 * knee.y },
      );
    }),
  );
});
