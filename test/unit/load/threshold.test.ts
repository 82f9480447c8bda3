import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CensoredLatencies } from '../../../src/lib/load/censored.js';
import { latenciesOpener } from '../../../src/lib/load/tally.js';
import { decide } from '../../../src/lib/load/judge.js';
import { parseThreshold } from '../../../src/lib/load/threshold.js';

describe('a threshold', () => {
  it.each([
    ['p95<200ms', { metric: { quantile: 0.95 }, operator: '<', limit: 200 }],
    [' p99.9 <= 1s ', { metric: { quantile: 0.999 }, operator: '<=', limit: 1000 }],
    ['max<2s', { metric: { quantile: 1 }, limit: 2000 }],
    ['error_rate<1%', { metric: 'error_rate', limit: 0.01 }],
    ['error_rate<=0.001', { metric: 'error_rate', limit: 0.001 }],
    ['rps>500', { metric: 'rps', operator: '>', limit: 500 }],
    ['goodput>=450.5', { metric: 'goodput', operator: '>=', limit: 450.5 }],
  ])('%j is read', (text, said) => {
    expect(parseThreshold(text)).toMatchObject(said);
  });

  it.each(['p95', 'p95<200', 'p101<1s', 'p95=200ms', 'latency<1s', 'rps>1s', 'error_rate<1s', 'rps>', ''])(
    '%j is refused',
    (text) => {
      expect(() => parseThreshold(text)).toThrow(expect.objectContaining({ code: 'THRESHOLD', exitCode: 2 }));
    },
  );

  it('is decided by bounds only where both agree', () => {
    const verdict = (atLeast: number, atMost: number) => decide('<', { atLeast, atMost }, 200);
    expect(verdict(100, 100)).toBe('passed');
    expect(verdict(300, Infinity)).toBe('failed');
    expect(verdict(100, Infinity)).toBe('no-data');
  });
});

describe('a quantile of latencies of which some are only known to be longer', () => {
  it('lies between what it were if those had ended, and if they never did', async () => {
    const open = await latenciesOpener();
    const ms = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(
        fc.array(ms, { maxLength: 40 }),
        fc.array(ms, { maxLength: 10 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (exact, ages, q) => {
          const [known, older] = [open(), open()];
          for (const value of exact) known.record(value);
          for (const value of ages) older.record(value);
          const found = new CensoredLatencies(known, older, open).quantile(q);
          const n = exact.length + ages.length;
          if (n === 0) {
            expect(found).toBeUndefined();
            return;
          }
          const rank = Math.max(1, Math.ceil(q * n - 1e-9));
          const nearest = (values: number[]) => values.sort((a, b) => a - b)[rank - 1]!;
          const ended = nearest([...exact, ...ages]);
          const never = nearest([...exact, ...ages.map(() => Infinity)]);
          // The histogram keeps two digits.
          expect(found!.atLeast).toBeGreaterThan(ended * 0.99);
          expect(found!.atLeast).toBeLessThan(ended * 1.01 + 0.01);
          if (never === Infinity) expect(found!.atMost).toBe(Infinity);
          else expect(Math.abs(found!.atMost - never)).toBeLessThan(never * 0.01 + 0.01);
        },
      ),
    );
  });
});
