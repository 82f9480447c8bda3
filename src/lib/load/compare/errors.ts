import { designEffect } from '../../statistics/design-effect.js';
import { differenceBounds } from '../../statistics/difference.js';
import type { Proportion } from '../../statistics/proportion.js';
import { studentQuantile } from '../../statistics/student-t.js';
import { fewestSlices, tooFewSlices } from './quantile.js';
import { meanDifference, type Sides, type Slice } from './slice.js';

export interface ErrorComparison {
  /** Errors of all requests. Those without an answer may have failed; only the interval allows for it. */
  readonly a: Proportion;
  readonly b: Proportion;
  /** Of B's error rate less A's: −1 to 1. */
  readonly interval: { readonly lower: number; readonly upper: number };
  /** `same`: the interval excludes differences of a percentage point and more. */
  readonly verdict: 'higher' | 'lower' | 'same' | 'unclear';
  /** Why nothing bounds the difference. */
  readonly missing?: string;
}

const equal = 0.01;

/**
 * Compares error rates. Of two intervals the hull is taken: one from how the slices' rates vary in time, which allows for
 * outages, and one for independent requests ÷ the slices' design effect, which holds where errors are few.
 *
 * @param alpha - probability of a false alarm
 */
export function compareErrors(sides: Sides, alpha: number): ErrorComparison {
  const used = sides.paired ? withRequests(sides) : sides;
  const fewest = { a: proportions(used.a, known), b: proportions(used.b, known) };
  const most = { a: proportions(used.a, possible), b: proportions(used.b, possible) };
  const slices = Math.min(fewest.a.length, fewest.b.length);
  const totals = { a: sum(fewest.a), b: sum(fewest.b) };
  if (slices < fewestSlices)
    return {
      ...totals,
      interval: { lower: -1, upper: 1 },
      verdict: 'unclear',
      missing: tooFewSlices(slices, 'with requests'),
    };
  const upper = mostIncrease(fewest.a, most.b, sides.paired, alpha);
  const lower = -mostIncrease(fewest.b, most.a, sides.paired, alpha);
  const same = lower > -equal && upper < equal;
  return {
    ...totals,
    interval: { lower, upper },
    verdict: lower > 0 ? 'higher' : upper < 0 ? 'lower' : same ? 'same' : 'unclear',
  };
}

function withRequests({ a, b, paired }: Sides): Sides {
  const both = (_: Slice, i: number) => a[i]!.sent > 0 && b[i]!.sent > 0;
  return { a: a.filter(both), b: b.filter(both), paired };
}

/** Upper bound of what the rate of `to` exceeds that of `from` by. */
function mostIncrease(
  from: readonly Proportion[],
  to: readonly Proportion[],
  paired: boolean,
  alpha: number,
): number {
  const effect = designEffect([from, to]);
  const level = { lower: alpha / 2, upper: alpha / 2 };
  const counted = differenceBounds(divided(sum(from), effect), divided(sum(to), effect), level);
  const { mean, standardError, freedom } = meanDifference(from.map(rateOf), to.map(rateOf), paired);
  const reach = studentQuantile(1 - alpha / 2, freedom) * standardError;
  return Math.max(counted.upper, mean + reach);
}

const known = ({ errors }: Slice): number => errors;
const possible = ({ errors, incomplete }: Slice): number => errors + incomplete.count;

function proportions(slices: readonly Slice[], errors: (slice: Slice) => number): Proportion[] {
  return slices
    .filter(({ sent }) => sent > 0)
    .map((slice) => ({ events: Math.min(slice.sent, errors(slice)), trials: slice.sent }));
}

const rateOf = ({ events, trials }: Proportion): number => events / trials;

function sum(of: readonly Proportion[]): Proportion {
  const total = { events: 0, trials: 0 };
  for (const { events, trials } of of) {
    total.events += events;
    total.trials += trials;
  }
  return total;
}

const divided = ({ events, trials }: Proportion, by: number): Proportion => ({
  events: events / by,
  trials: trials / by,
});
