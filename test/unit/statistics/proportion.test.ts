import { describe, expect, it } from 'vitest';

import { rateBounds } from '../../../src/lib/statistics/proportion.js';

describe('rateBounds', () => {
  it.each([0.02, 0.1, 0.3, 0.6])(
    'miss a rate of %d at any of 400 looks with no more than their probability',
    (rate) => {
      const alpha = 0.1;
      let alive = new Map([[0, 1]]);
      let ever = 0;
      for (let trials = 1; trials <= 400; trials++) {
        const next = new Map<number, number>();
        for (const [events, mass] of alive) {
          next.set(events, (next.get(events) ?? 0) + mass * (1 - rate));
          next.set(events + 1, (next.get(events + 1) ?? 0) + mass * rate);
        }
        alive = new Map();
        for (const [events, mass] of next) {
          if (mass < 1e-12) continue;
          const { lower, upper } = rateBounds({ events, trials }, alpha);
          if (rate < lower || rate > upper) ever += mass;
          else alive.set(events, mass);
        }
      }
      expect(ever).toBeLessThan(alpha);
      expect(ever).toBeGreaterThan(0.01);
    },
  );

  it('hold what was seen, and everything before anything was', () => {
    expect(rateBounds({ events: 0, trials: 0 }, 0.05)).toEqual({ lower: 0, upper: 1 });
    expect(rateBounds({ events: 0, trials: 1000 }, 0.05).lower).toBe(0);
    expect(rateBounds({ events: 1000, trials: 1000 }, 0.05).upper).toBe(1);
    const { lower, upper } = rateBounds({ events: 1e4, trials: 1e9 }, 0.01);
    expect(lower).toBeGreaterThan(0.95e-5);
    expect(lower).toBeLessThan(1e-5);
    expect(upper).toBeGreaterThan(1e-5);
    expect(upper).toBeLessThan(1.05e-5);
  });
});
