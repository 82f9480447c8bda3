import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { before, formatAge, longestDays, monthEnd, monthOf, readAge } from '../../../src/lib/search/age.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';

const { seed } = replayable('ages');
const ago = (now: string, age: string) => before(new Date(now), readAge(age)).toISOString();

describe('an age', () => {
  it.each([
    ['2026-11-29T10:30:00.000Z', '13M', '2025-10-29T10:30:00.000Z'],
    ['2026-03-31T00:00:00.000Z', '1M', '2026-02-28T00:00:00.000Z'],
    ['2024-03-31T00:00:00.000Z', '1M', '2024-02-29T00:00:00.000Z'],
    ['2024-02-29T12:00:00.000Z', '1y', '2023-02-28T12:00:00.000Z'],
    ['2028-02-29T12:00:00.000Z', '4y', '2024-02-29T12:00:00.000Z'],
    ['2026-01-31T00:00:00.000Z', '2M', '2025-11-30T00:00:00.000Z'],
    ['2026-01-15T00:00:00.000Z', '12M', '2025-01-15T00:00:00.000Z'],
    ['2000-03-01T00:00:00.000Z', '1d', '2000-02-29T00:00:00.000Z'],
  ])('%s minus %s is %s', (now, age, then) => {
    expect(ago(now, age)).toBe(then);
  });

  it.each(['', '13', 'M', '0d', '-1d', '1.5M', '13m', '1h', '999999d'])('is not %j', (text) => {
    expect(() => readAge(text)).toThrow(`'${text}' is not an age`);
  });

  const age = fc.record({ count: fc.integer({ min: 1, max: 600 }), unit: fc.constantFrom('d', 'M', 'y') });
  const now = fc.date({ min: new Date('1990-01-01'), max: new Date('2200-01-01'), noInvalidDate: true });

  test('never lasts longer than the days that a server is told', () => {
    fc.assert(
      fc.property(now, age, (time, one) => {
        const days = (time.getTime() - before(time, one).getTime()) / 86_400_000;
        expect(days).toBeLessThanOrEqual(longestDays(one));
        expect(readAge(formatAge(one))).toEqual(one);
      }),
      { seed, numRuns: scaled(2000) },
    );
  });

  test('of months leads to the month that one counts to on a calendar', () => {
    fc.assert(
      fc.property(now, fc.integer({ min: 1, max: 120 }), (time, count) => {
        let [year, month] = [time.getUTCFullYear(), time.getUTCMonth() + 1];
        for (let i = 0; i < count; i++) [year, month] = month === 1 ? [year - 1, 12] : [year, month - 1];
        const then = before(time, { count, unit: 'M' });
        expect(monthOf(then)).toBe(`${year}-${String(month).padStart(2, '0')}`);
        // Only where the month is too short for the day is the day another one.
        if (time.getUTCDate() <= 28) expect(then.getUTCDate()).toBe(time.getUTCDate());
        expect(then.toISOString().slice(10)).toBe(time.toISOString().slice(10));
      }),
      { seed },
    );
  });
});

it.each([
  ['meter-readings-2026-11', '2026-12-01T00:00:00.000Z'],
  ['meter-readings-2026-12', '2027-01-01T00:00:00.000Z'],
  ['readings_2024.02', '2024-03-01T00:00:00.000Z'],
  ['meter-readings-2026-13', undefined],
  ['meter-readings-2026-11-05', undefined],
  ['sensors-000001', undefined],
  ['x12026-11', undefined],
])('the month of %s ends at %s', (index, end) => {
  expect(monthEnd(index)?.toISOString()).toBe(end);
});
