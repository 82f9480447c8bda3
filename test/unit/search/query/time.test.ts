import fc from 'fast-check';
import { expect, test } from 'vitest';

import { UserError } from '../../../../src/lib/core/errors.js';
import { resolveTime } from '../../../../src/lib/search/query/time.js';
import { replayable } from '../../../random.js';
import { scaled } from '../../../scale.js';

const { seed } = replayable('times');
// A Sunday.
const now = Date.parse('2026-03-29T14:30:15.250Z');

test.each([
  ['now', '2026-03-29T14:30:15.250Z'],
  ['now-7d', '2026-03-22T14:30:15.250Z'],
  ['now/d', '2026-03-29T00:00:00.000Z'],
  ['now/h', '2026-03-29T14:00:00.000Z'],
  ['now/w', '2026-03-23T00:00:00.000Z'],
  ['now/M', '2026-03-01T00:00:00.000Z'],
  ['now/y', '2026-01-01T00:00:00.000Z'],
  ['now-1M', '2026-02-28T14:30:15.250Z'],
  ['now-1M/M', '2026-02-01T00:00:00.000Z'],
  ['now-25M', '2024-02-29T14:30:15.250Z'],
  ['now-1d+2h-30m', '2026-03-28T16:00:15.250Z'],
  ['now+90s/m', '2026-03-29T14:31:00.000Z'],
  ['2026-11-29', '2026-11-29T00:00:00.000Z'],
  ['2026-11-29T14:30', '2026-11-29T14:30:00.000Z'],
  ['2026-11-29 14:30:05', '2026-11-29T14:30:05.000Z'],
  ['2026-11-29T14:30:05+0130', '2026-11-29T13:00:05.000Z'],
  ['2026-11-29T14:30:05.123456789Z', '2026-11-29T14:30:05.123456789Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
])('%s is %s', (text, expected) => {
  expect(resolveTime(text, now)).toBe(expected);
});

test.each([
  'yesterday',
  'now-7',
  'now-7x',
  '2026-02-30',
  '2026-13-01',
  '2026-11-29T25:00',
  '1234567890',
  '',
  'now-9999y',
])('%j is refused', (text) => {
  expect(() => resolveTime(text, now)).toThrow(
    expect.toSatisfy((error) => error instanceof UserError && error.code === 'TIME_INVALID'),
  );
});

test('any moment that is printed in ISO 8601 is itself', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      (date) => {
        expect(resolveTime(date.toISOString(), now)).toBe(date.toISOString());
      },
    ),
    { seed, numRuns: scaled(200) },
  );
});
