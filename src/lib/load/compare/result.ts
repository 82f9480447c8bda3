import type { Conclusion } from '../../core/exit-codes.js';
import type { Bounded } from '../censored.js';
import type { Comparison } from './compare.js';
import type { QuantileComparison } from './quantile.js';
import type { Slice } from './slice.js';

/** One of the two that are compared. */
export interface ComparedSide {
  /** A file, or a URL. */
  readonly name: string;
  readonly slices: number;
  readonly sent: number;
}

/** Milliseconds; null without data. `isBound`: it may be longer. */
type Milliseconds = { readonly ms: number; readonly isBound: boolean } | null;

/** A comparison as JSON has it: null where nothing is known, or no bound. */
export interface ComparisonResult {
  readonly a: ComparedSide;
  readonly b: ComparedSide;
  /** Whether A and B took turns, so that a noisy machine cancels out. */
  readonly interleaved: boolean;
  readonly maxIncrease: number | null;
  readonly quantiles: readonly {
    readonly quantile: number;
    readonly a: Milliseconds;
    readonly b: Milliseconds;
    /** B ÷ A. */
    readonly ratio: number | null;
    readonly interval: { readonly lower: number; readonly upper: number | null };
    readonly verdict: QuantileComparison['verdict'];
    readonly missing?: string;
    /** What finds an increase with a certainty, of each run. Slices are null when no number is enough. */
    readonly plan: {
      readonly increase: number;
      readonly certainty: number;
      readonly slices: number | null;
      readonly requests: number | null;
    } | null;
  }[];
  readonly errors: Comparison['errors'];
  readonly conclusion: Comparison['conclusion'];
}

export function sideOf(name: string, slices: readonly Slice[]): ComparedSide {
  return { name, slices: slices.length, sent: slices.reduce((sum, { sent }) => sum + sent, 0) };
}

export function comparisonResult(
  { interleaved, quantiles, errors, conclusion }: Comparison,
  { a, b, maxIncrease }: { a: ComparedSide; b: ComparedSide; maxIncrease: number | undefined },
): ComparisonResult {
  return {
    a,
    b,
    interleaved,
    maxIncrease: maxIncrease ?? null,
    quantiles: quantiles.map(({ quantile, ratio, interval, verdict, missing, plan, ...sides }) => ({
      quantile,
      a: millisecondsOf(sides.a),
      b: millisecondsOf(sides.b),
      ratio: ratio ?? null,
      interval: { lower: interval.lower, upper: finite(interval.upper) },
      verdict,
      ...(missing !== undefined && { missing }),
      plan: plan
        ? {
            increase: plan.increase,
            certainty: plan.certainty,
            slices: finite(plan.slices),
            requests: finite(plan.slices * plan.requestsPerSlice),
          }
        : null,
    })),
    errors,
    conclusion,
  };
}

export const comparisonConclusions: Readonly<Record<Comparison['conclusion'], Conclusion>> = {
  worse: 'failed',
  unclear: 'inconclusive',
  better: 'ok',
  same: 'ok',
};

function millisecondsOf(value: Bounded | undefined): Milliseconds {
  return value ? { ms: value.atLeast, isBound: value.atMost > value.atLeast } : null;
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
