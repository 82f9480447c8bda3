import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { burst, compared } from '../../../src/lib/demo/queue-steps.js';
import { buildTown, townEnd } from '../../../src/lib/demo/town.js';

describe('the counts of the demo', () => {
  it('are told in one line when they are equal', () => {
    const counts = { acknowledged: 3000, rows: 3000, readings: 3000, operations: 3000 };
    expect(compared(counts)).toBe(
      '3,000 writes acknowledged = 3,000 rows = 3,000 different readings = 3,000 distinct operation ids',
    );
  });

  it('fail the demo when any of them differs', () => {
    const counted = fc.constantFrom('acknowledged', 'rows', 'readings', 'operations');
    const difference = fc.integer({ min: -5, max: 5 }).filter((by) => by !== 0);
    fc.assert(
      fc.property(counted, difference, (name, by) => {
        const counts = { acknowledged: 600, rows: 600, readings: 600, operations: 600 };
        counts[name] += by;
        expect(() => compared(counts)).toThrow(/lost or doubled something: .* ≠ /);
      }),
    );
  });
});

describe('the burst', () => {
  const town = buildTown({ meters: 20, readingsPerMeter: 1000 });
  const rows = burst(town);

  it('has every reading once, so that one applied twice or never is seen', () => {
    expect(rows).toHaveLength(600);
    expect(new Set(rows.map(({ meter_id, at }) => `${meter_id} ${at}`)).size).toBe(600);
  });

  it('continues where the town ends, in the order of time', () => {
    const times = rows.map(({ at }) => Date.parse(at));
    expect(times[0]).toBe(townEnd);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});
