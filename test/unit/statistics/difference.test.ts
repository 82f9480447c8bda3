import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  differenceBounds,
  judgeIncrease,
  type Judgement,
  type Levels,
  verdictOf,
} from '../../../src/lib/statistics/difference.js';
import { refutes } from '../../../src/lib/statistics/difference-test.js';
import { logMass } from './clopper-pearson.js';

const of = (events: number, trials: number): { events: number; trials: number } => ({ events, trials });
const usual: Levels = { tolerance: 0.01, falseAbort: 0.01, falsePromotion: 0.05, share: 0.1 };

describe('the probability of ever being wrong, exactly', () => {
  // Every path of requests is followed: `perControl` to the control, then one to the treatment, and a look after each
  // round. What is summed is the probability of having been refuted at any of the looks, with no simulation in between.
  const rounds = 40;

  interface Path {
    readonly levels: Levels;
    readonly perControl: number;
  }

  function everJudged({
    levels,
    perControl,
  }: Path): (wrong: Judgement['verdict'], s: number, c: number) => number {
    const verdicts = new Map<number, Judgement['verdict']>();
    const verdictAt = (round: number, a: number, b: number): Judgement['verdict'] => {
      const key = (round * 1000 + a) * 1000 + b;
      let verdict = verdicts.get(key);
      if (!verdict) verdicts.set(key, (verdict = verdictOf(of(a, round * perControl), of(b, round), levels)));
      return verdict;
    };
    return (wrong, s, c) => {
      const ofRound = Array.from({ length: perControl + 1 }, (_, a) => Math.exp(logMass(a, perControl, s)));
      let alive = new Map([[0, 1]]);
      let judged = 0;
      for (let round = 1; round <= rounds; round++) {
        const next = new Map<number, number>();
        for (const [state, mass] of alive)
          for (const [extra, chance] of ofRound.entries())
            for (const [event, rate] of [1 - c, c].entries()) {
              const to = state + extra * 1000 + event;
              next.set(to, (next.get(to) ?? 0) + mass * chance * rate);
            }
        alive = new Map();
        for (const [state, mass] of next) {
          if (mass === 0) continue;
          if (verdictAt(round, Math.floor(state / 1000), state % 1000) === wrong) judged += mass;
          else if (mass > 1e-12) alive.set(state, mass);
        }
      }
      return judged;
    };
  }

  const paths: Path[] = [
    { perControl: 1, levels: { tolerance: 0.1, falseAbort: 0.2, falsePromotion: 0.2, share: 0.5 } },
    { perControl: 1, levels: { tolerance: 0, falseAbort: 0.1, falsePromotion: 0.1, share: 0.5 } },
    { perControl: 3, levels: { tolerance: 0.05, falseAbort: 0.1, falsePromotion: 0.3, share: 0.25 } },
    // A share that was planned, but is not what came.
    { perControl: 2, levels: { tolerance: 0.1, falseAbort: 0.2, falsePromotion: 0.2, share: 0.05 } },
    { perControl: 1, levels: { tolerance: 0.2, falseAbort: 0.3, falsePromotion: 0.3, share: 0.9 } },
  ];

  it.each(paths)('tolerance $levels.tolerance, $perControl to one', (path) => {
    const { tolerance, falseAbort, falsePromotion } = path.levels;
    const chance = everJudged(path);
    const highest = { worse: 0, 'no-worse': 0 };
    for (const s of [0.01, 0.05, 0.2, 0.5, 0.7]) {
      for (const inside of [0, 0.03]) {
        const [abort, promote] = [Math.max(0, s + tolerance - inside), Math.min(1, s + tolerance + inside)];
        highest.worse = Math.max(highest.worse, chance('worse', s, abort));
        highest['no-worse'] = Math.max(highest['no-worse'], chance('no-worse', s, promote));
      }
    }
    expect(highest.worse).toBeLessThan(falseAbort);
    expect(highest['no-worse']).toBeLessThan(falsePromotion);
    // Not by never deciding.
    expect(chance('worse', 0.05, 0.9)).toBeGreaterThan(0.9);
    expect(highest.worse + highest['no-worse']).toBeGreaterThan(0.005);
  });
});

const arms = fc
  .tuple(
    fc.double({ min: 1, max: 7, noNaN: true }),
    fc.double({ min: 1, max: 7, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  .map(([m, n, a, b]) => {
    const [control, treatment] = [10 ** m, 10 ** n];
    // Small rates, large ones and none; with fractions, as after division by a design effect.
    const tenths = (count: number): number => Math.round(10 * count) / 10;
    return {
      control: of(tenths(a ** 6 * control), tenths(control)),
      treatment: of(tenths(b ** 6 * treatment), tenths(treatment)),
    };
  });

describe('judgeIncrease', () => {
  it('agrees with its bounds, and its bounds hold the observed difference', () => {
    fc.assert(
      fc.property(arms, fc.constantFrom(0, 0.001, 0.01, 0.2), ({ control, treatment }, tolerance) => {
        const judged = judgeIncrease(control, treatment, { ...usual, tolerance });
        expect(judged.lower).toBeGreaterThanOrEqual(-1);
        expect(judged.upper).toBeLessThanOrEqual(1);
        expect(judged.lower).toBeLessThanOrEqual(judged.difference);
        expect(judged.upper).toBeGreaterThanOrEqual(judged.difference);
        if (judged.verdict === 'worse') expect(judged.lower).toBeGreaterThanOrEqual(tolerance - 1e-12);
        else expect(judged.lower).toBeLessThanOrEqual(tolerance + 1e-12);
        if (judged.verdict === 'no-worse') expect(judged.upper).toBeLessThanOrEqual(tolerance + 1e-12);
        else expect(judged.upper).toBeGreaterThanOrEqual(tolerance - 1e-12);
      }),
      { numRuns: 300 },
    );
  });

  it('knows nothing without requests', () => {
    for (const [control, treatment] of [
      [of(0, 0), of(0, 0)],
      [of(5, 500), of(0, 0)],
      [of(0, 0), of(50, 500)],
    ] as const)
      expect(judgeIncrease(control, treatment, usual)).toMatchObject({ verdict: 'unsure', difference: 0 });
  });

  it.each([
    ['errors where stable has none', of(0, 9000), of(40, 1000), 'worse'],
    ['none at all', of(0, 9000), of(0, 1000), 'no-worse'],
    ['too few requests for either', of(0, 90), of(0, 10), 'unsure'],
    ['an unhealthy stable, no worse canary', of(4500, 9000), of(200, 1000), 'no-worse'],
    ['everything fails in both', of(9000, 9000), of(1000, 1000), 'no-worse'],
    ['everything fails in the canary', of(0, 900), of(100, 100), 'worse'],
    ['a billion requests', of(1e6, 1e9), of(12e6, 1e9), 'worse'],
    ['a billion requests within the tolerance', of(1e6, 1e9), of(9e6, 1e9), 'no-worse'],
    ['one error in 100,000', of(90, 9e6), of(10, 1e6), 'no-worse'],
  ])('%s', (_, control, treatment, verdict) => {
    expect(judgeIncrease(control, treatment, usual).verdict).toBe(verdict);
  });

  it('finds more errors than requests, which scrapes a moment apart do, to be all of them', () => {
    expect(judgeIncrease(of(5, 900), of(101, 100), usual)).toEqual(
      judgeIncrease(of(5, 900), of(100, 100), usual),
    );
  });

  it.each([
    [of(-1, 10), usual],
    [of(NaN, 10), usual],
    [of(1, Infinity), usual],
    [of(1, 10), { ...usual, falseAbort: 0 }],
    [of(1, 10), { ...usual, falsePromotion: 1 }],
    [of(1, 10), { ...usual, share: 1 }],
    [of(1, 10), { ...usual, tolerance: 1 }],
  ])('refuses %o with %o', (control, levels) => {
    expect(() => judgeIncrease(control, of(1, 10), levels)).toThrow(RangeError);
  });
});

describe('differenceBounds', () => {
  const alphas = { lower: 0.01, upper: 0.05 };

  it('close in as the counts grow', () => {
    fc.assert(
      fc.property(arms, ({ control, treatment }) => {
        const four = ({ events, trials }: { events: number; trials: number }): typeof control =>
          of(4 * events, 4 * trials);
        const few = differenceBounds(control, treatment, alphas);
        const many = differenceBounds(four(control), four(treatment), alphas);
        // Up to their precision, 1/200 of the distance to the observed difference.
        expect(many.upper - many.lower).toBeLessThanOrEqual((few.upper - few.lower) * 1.006);
      }),
      { numRuns: 200 },
    );
  });

  it('close in with larger levels, and move with the errors of either arm', () => {
    fc.assert(
      fc.property(arms, ({ control, treatment }) => {
        const bounds = differenceBounds(control, treatment, alphas);
        // The precision of both, and bets on a few sizes instead of on all.
        const slack = 0.03 * (bounds.upper - bounds.lower);
        const bolder = differenceBounds(control, treatment, { lower: 0.1, upper: 0.2 });
        expect(bolder.lower).toBeGreaterThanOrEqual(bounds.lower - slack);
        expect(bolder.upper).toBeLessThanOrEqual(bounds.upper + slack);
        const sicker = of(Math.min(treatment.trials, treatment.events + 5), treatment.trials);
        const higher = differenceBounds(control, sicker, alphas);
        expect(higher.lower).toBeGreaterThanOrEqual(bounds.lower - slack);
        expect(higher.upper).toBeGreaterThanOrEqual(bounds.upper - slack);
      }),
      { numRuns: 200 },
    );
  });

  it('end once: what is refuted is refuted further out as well', () => {
    fc.assert(
      fc.property(arms, fc.double({ min: 0.01, max: 1, noNaN: true }), ({ control, treatment }, part) => {
        const observed = judgeIncrease(control, treatment, usual).difference;
        const bets = [
          { size: 0.01, stake: 0.5 },
          { size: 0.1, stake: 0.5 },
        ];
        const arm = { control, treatment, bets, share: 0.5 };
        for (const [isNull, away] of [
          ['at most', -1],
          ['at least', 1],
        ] as const) {
          const refuted = (edge: number): boolean => refutes({ ...arm, isNull }, edge, 0.05);
          const near = observed + away * part * (1 - away * observed);
          const far = (near + away) / 2;
          if (refuted(near)) expect(refuted(far)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('leave room for the truth at the sizes that a fixed test would need', () => {
    // Against the interval of Wald at the same levels, one look: wider, as every look must hold, but not by far.
    for (const [control, treatment, tolerance] of [
      [of(900, 90_000), of(200, 10_000), 0.01],
      [of(5_000, 50_000), of(5_500, 50_000), 0.01],
      [of(90, 900_000), of(30, 100_000), 0.0005],
    ] as const) {
      const [p, q] = [control.events / control.trials, treatment.events / treatment.trials];
      const error = Math.sqrt((p * (1 - p)) / control.trials + (q * (1 - q)) / treatment.trials);
      const { lower, upper } = differenceBounds(control, treatment, alphas, { tolerance, share: 0.1 });
      expect((q - p - lower) / error).toBeGreaterThan(2.33);
      expect((q - p - lower) / error).toBeLessThan(2.33 * 2.5);
      expect((upper - q + p) / error).toBeGreaterThan(1.64);
      expect((upper - q + p) / error).toBeLessThan(1.64 * 3.2);
    }
  });
});
