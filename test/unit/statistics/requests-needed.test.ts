import { describe, expect, it } from 'vitest';

import { verdictOf } from '../../../src/lib/statistics/difference.js';
import { requestsNeeded } from '../../../src/lib/statistics/requests-needed.js';
import { binomial, seeded } from './sampling.js';

describe('requestsNeeded', () => {
  it.each([
    [0.1, 0.001, 0.01],
    [0.01, 0.01, 0.01],
    [0.5, 0.01, 0.005],
    [0.25, 0.1, 0.02],
    [0.1, 0.0001, 0.001],
  ])(
    'share %d, errors %d, tolerance %d: about four in five are done by then',
    (share, errorRate, tolerance) => {
      const random = seeded(9);
      const levels = { share, tolerance, falseAbort: 0.01, falsePromotion: 0.05 };
      const { canary, total } = requestsNeeded({ ...levels, errorRate });
      expect(canary / total).toBeCloseTo(share, 1);
      const looks = 15;
      const [toStable, toCanary] = [Math.ceil((total - canary) / looks), Math.ceil(canary / looks)];
      let done = 0;
      for (let i = 0; i < 300; i++) {
        let [a, b] = [0, 0];
        for (let look = 1; look <= looks; look++) {
          a += binomial(random, toStable, errorRate);
          b += binomial(random, toCanary, errorRate);
          const stable = { events: a, trials: look * toStable };
          if (verdictOf(stable, { events: b, trials: look * toCanary }, levels) !== 'no-worse') continue;
          done++;
          break;
        }
      }
      expect(done / 300).toBeGreaterThan(0.7);
      expect(done / 300).toBeLessThan(0.95);
    },
  );

  it('is where an errorless canary first passes', () => {
    const levels = { share: 0.1, tolerance: 0.01, falsePromotion: 0.05 };
    const { total } = requestsNeeded({ ...levels, errorRate: 0 });
    const verdict = (requests: number): string =>
      verdictOf(
        { events: 0, trials: 0.9 * requests },
        { events: 0, trials: 0.1 * requests },
        { ...levels, falseAbort: 0.01 },
      );
    expect(verdict(total)).toBe('no-worse');
    expect(verdict(total * 0.98)).toBe('unsure');
  });

  it('is infinite where no count is enough', () => {
    expect(requestsNeeded({ errorRate: 0.01, share: 0.1, tolerance: 0, falsePromotion: 0.05 })).toEqual({
      canary: Infinity,
      total: Infinity,
    });
  });
});
