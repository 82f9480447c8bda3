import { expect, it } from 'vitest';

import { studentQuantile } from '../../../src/lib/statistics/student-t.js';

// Tables of Student's t; those of 1 and 2 degrees of freedom have closed forms, and many degrees come to the normal.
it.each([
  [0.975, 3, 3.18245],
  [0.995, 5, 4.03214],
  [0.975, 9, 2.26216],
  [0.995, 14, 2.97684],
  [0.95, 30, 1.69726],
  [0.9995, 4, 8.6103],
  [0.995, 1, Math.tan(Math.PI * 0.495)],
  [0.995, 2, 0.99 / Math.sqrt(2 * 0.995 * 0.005)],
  [0.975, 1e7, 1.959964],
])('the %d quantile with %d degrees of freedom is %d', (p, freedom, quantile) => {
  expect(Math.abs(studentQuantile(p, freedom) / quantile - 1)).toBeLessThan(2e-6);
  expect(studentQuantile(1 - p, freedom)).toBeCloseTo(-studentQuantile(p, freedom), 8);
});

it('refuses what is no probability, and no freedom', () => {
  expect(() => studentQuantile(1, 3)).toThrow(RangeError);
  expect(() => studentQuantile(0.5, 0)).toThrow(RangeError);
  expect(studentQuantile(0.5, 3)).toBe(0);
});
