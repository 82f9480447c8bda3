import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { gapOf, startOf } from '../../../src/lib/search/solr/intervals.js';
import { replayable } from '../../random.js';

test('an interval begins where its calendar has it, and holds its time', () => {
  for (const [interval, time, start] of [
    ['1d', '2026-11-29T13:00:00Z', '2026-11-29T00:00:00.000Z'],
    ['15m', '2026-11-29T13:29:59Z', '2026-11-29T13:15:00.000Z'],
    ['1w', '2026-11-29T13:00:00Z', '2026-11-23T00:00:00.000Z'],
    ['1w', '2026-11-30T00:00:00Z', '2026-11-30T00:00:00.000Z'],
    ['1M', '2024-02-29T23:59:59Z', '2024-02-01T00:00:00.000Z'],
    ['1q', '2026-11-29T00:00:00Z', '2026-10-01T00:00:00.000Z'],
    ['1y', '1969-07-20T20:17:00Z', '1969-01-01T00:00:00.000Z'],
  ] as const)
    expect(startOf(interval, new Date(time)).toISOString(), interval).toBe(start);
  const { seed } = replayable('intervals');
  const interval = fc.constantFrom('1s', '90s', '15m', '6h', '7d', '1w', '1M', '1q', '1y');
  const time = fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(interval, time, (one, at) => {
      const start = startOf(one, at);
      expect(start.getTime()).toBeLessThanOrEqual(at.getTime());
      expect(startOf(one, start)).toEqual(start);
      // Months and years are at most so much longer than the shortest of them.
      expect(at.getTime() - start.getTime()).toBeLessThan(gapOf(one).leastMs * 1.12);
    }),
    { seed, numRuns: 200 },
  );
});
