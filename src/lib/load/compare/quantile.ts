import { counted, formatCount } from '../../core/units.js';
import type { SeriesMean } from '../../statistics/series-mean.js';
import { studentQuantile } from '../../statistics/student-t.js';
import { type Bounded, CensoredLatencies } from '../censored.js';
import type { OpenLatencies } from '../tally.js';
import { planOf, type Plan } from './plan.js';
import { joined, meanDifference, type Sides, type Slice } from './slice.js';

export interface QuantileComparison {
  readonly quantile: number;
  /** The quantile of a slice: the geometric mean of all slices, in milliseconds. Undefined without data. */
  readonly a: Bounded | undefined;
  readonly b: Bounded | undefined;
  /** B ÷ A; undefined where one of them is only known from below. */
  readonly ratio: number | undefined;
  /** Of the ratio; 0 and Infinity where nothing bounds it. */
  readonly interval: { readonly lower: number; readonly upper: number };
  /** `same`: the interval excludes more than `maxIncrease`, or without one all differences of 5 % and more. */
  readonly verdict: 'slower' | 'faster' | 'same' | 'unclear';
  /** Why there is no interval. */
  readonly missing: string | undefined;
  /** What would find an increase; undefined without an interval. */
  readonly plan: Plan | undefined;
}

export interface QuantileOptions {
  readonly quantile: number;
  /** Probability of a false alarm. */
  readonly alpha: number;
  readonly maxIncrease: number | undefined;
  readonly open: OpenLatencies;
}

/** Fewer tell next to nothing of how much they vary. */
export const fewestSlices = 8;
/** Requests of a slice that are slower than its quantile. */
const fewestBeyond = 5;
/** In the logarithm. */
const equal = Math.log(1.05);

export function compareQuantile(sides: Sides, options: QuantileOptions): QuantileComparison {
  const { quantile, alpha, maxIncrease, open } = options;
  const requests = Math.ceil(fewestBeyond / (1 - quantile) - 1e-9);
  const blocks = joined(sides, requests, open);
  const [a, b] = [blocks.a, blocks.b].map((slices) => slices.map((slice) => logOf(slice, quantile, open)));
  const [ofA, ofB] = [geometricMean(a!), geometricMean(b!)];
  const values = {
    quantile,
    a: ofA,
    b: ofB,
    ratio:
      ofA && ofB && ofA.atMost < Infinity && ofB.atMost < Infinity ? ofB.atLeast / ofA.atLeast : undefined,
  };
  const missing = whyMissing(sides, Math.min(a!.length, b!.length), requests);
  if (missing !== undefined || !ofA || !ofB)
    return {
      ...values,
      interval: { lower: 0, upper: Infinity },
      verdict: 'unclear',
      missing,
      plan: undefined,
    };

  const resolution = Math.max(
    feigned(sides.a[0]!, ends(a!, 'atLeast')),
    feigned(sides.b[0]!, ends(b!, 'atLeast')),
  );
  const reach = ({ standardError, freedom }: SeriesMean) =>
    studentQuantile(1 - alpha / 2, freedom) * standardError + resolution;
  // What is only known from below bounds the ratio on one side: the two ends are those of different series.
  const least = meanDifference(ends(a!, 'atMost'), ends(b!, 'atLeast'), blocks.paired);
  const most = meanDifference(ends(a!, 'atLeast'), ends(b!, 'atMost'), blocks.paired);
  const lower = Number.isFinite(least.mean) ? least.mean - reach(least) : -Infinity;
  const upper = Number.isFinite(most.mean) ? most.mean + reach(most) : Infinity;
  return {
    ...values,
    interval: { lower: Math.exp(lower), upper: Math.exp(upper) },
    verdict: verdictOf(lower, upper, maxIncrease),
    missing,
    plan: planOf(sides, {
      a: ends(a!, 'atLeast'),
      b: ends(b!, 'atLeast'),
      paired: blocks.paired,
      fewestSlices,
      alpha,
      resolution,
      maxIncrease: maxIncrease ?? 0,
    }),
  };
}

function verdictOf(
  lower: number,
  upper: number,
  maxIncrease: number | undefined,
): QuantileComparison['verdict'] {
  if (lower > Math.log1p(maxIncrease ?? 0)) return 'slower';
  if (upper < 0) return 'faster';
  const same = maxIncrease === undefined ? lower > -equal && upper < equal : upper <= Math.log1p(maxIncrease);
  return same ? 'same' : 'unclear';
}

function whyMissing({ a, b }: Sides, blocks: number, requests: number): string | undefined {
  for (const [name, slices] of Object.entries({ A: a, B: b }))
    if (!slices.some(({ latencies }) => latencies.count > 0)) return `${name} has no expected answers`;
  if (blocks >= fewestSlices) return undefined;
  return tooFewSlices(blocks, `of ${formatCount(requests)} answers or more`);
}

/** @param which slices count: `with requests` */
export function tooFewSlices(slices: number, which: string): string {
  return `there ${slices === 1 ? 'is' : 'are'} ${counted(slices, 'slice')} ${which}; ${fewestSlices} are needed`;
}

function logOf({ latencies, incomplete }: Slice, quantile: number, open: OpenLatencies): Bounded {
  if (incomplete.count === 0) {
    const log = Math.log(latencies.quantile(quantile));
    return { atLeast: log, atMost: log };
  }
  const { atLeast, atMost } = new CensoredLatencies(latencies, incomplete, open).quantile(quantile)!;
  return { atLeast: Math.log(atLeast), atMost: Math.log(atMost) };
}

const ends = (logs: readonly Bounded[], end: keyof Bounded): number[] => logs.map((each) => each[end]);

function geometricMean(logs: readonly Bounded[]): Bounded | undefined {
  if (logs.length === 0) return undefined;
  return {
    atLeast: Math.exp(average(ends(logs, 'atLeast'))),
    atMost: Math.exp(average(ends(logs, 'atMost'))),
  };
}

/**
 * How much of a difference the histogram's buckets can feign: the width of one, in the logarithm. Nothing where values vary by
 * more than half a bucket, for then rounding hardly moves their mean (Widrow, Kollár and Liu 1996).
 */
function feigned({ latencies }: Slice, logs: readonly number[]): number {
  const mean = average(logs);
  const ms = Math.exp(mean);
  const width = Math.log(ms / Math.max(0, ms - latencies.widthAt(ms)));
  return average(logs.map((log) => (log - mean) ** 2)) > (width / 2) ** 2 ? 0 : width;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
