import type { Labels } from '../../clients/prometheus.js';
import type { Buckets } from './measurements.js';

/** A count of observations at or below `labels.le`. */
export interface CumulativeCount {
  readonly labels: Labels;
  readonly increase: number;
}

export type BucketsRead =
  { readonly buckets: Buckets } | { readonly problem: string } | { readonly problem: undefined };

/**
 * Counts by bucket from cumulative ones, those of the same `le` added up; `{ problem: undefined }` where there are none.
 * Counts that decrease towards larger buckets (scrapes of several histograms a moment apart) are evened out, as
 * Prometheus does for quantiles.
 */
export function readBuckets(counts: readonly CumulativeCount[]): BucketsRead {
  const sums = new Map<number, number>();
  for (const { labels, increase } of counts) {
    const bound = boundOf(labels.le);
    if (bound === undefined || !Number.isFinite(increase)) continue;
    sums.set(bound, (sums.get(bound) ?? 0) + Math.max(0, increase));
  }
  if (sums.size === 0) return { problem: undefined };
  const bounds = [...sums.keys()].sort((a, b) => a - b);
  if (bounds.at(-1) !== Infinity) return { problem: 'the latency has no +Inf bucket' };
  let below = 0;
  const perBucket = bounds.map((bound) => {
    const upTo = Math.max(below, sums.get(bound)!);
    const count = upTo - below;
    below = upTo;
    return count;
  });
  return { buckets: { bounds, counts: perBucket } };
}

/** The sum of several; undefined when their bounds differ. */
export function addBuckets(all: readonly Buckets[]): Buckets | undefined {
  const [first, ...others] = all;
  if (first === undefined || !others.every((other) => sameBounds(first, other))) return undefined;
  return {
    bounds: first.bounds,
    counts: first.counts.map((_, i) => all.reduce((sum, { counts }) => sum + counts[i]!, 0)),
  };
}

export function sameBounds(a: Buckets, b: Buckets): boolean {
  return a.bounds.length === b.bounds.length && a.bounds.every((bound, i) => bound === b.bounds[i]);
}

export function totalOf({ counts }: Buckets): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** How many observations lie above a bound, which must be one of the buckets'; undefined when it is not. */
export function countAbove({ bounds, counts }: Buckets, bound: number): number | undefined {
  const at = bounds.indexOf(bound);
  return at < 0 ? undefined : counts.slice(at + 1).reduce((sum, count) => sum + count, 0);
}

/** The smallest bound at or below which at least that share of the observations lies; undefined without observations. */
export function quantileBound(buckets: Buckets, quantile: number): number | undefined {
  const total = totalOf(buckets);
  if (total === 0) return undefined;
  let below = 0;
  for (const [i, count] of buckets.counts.entries()) {
    below += count;
    // Sums of fractions may miss the share by their last digits.
    if (below >= quantile * total * (1 - 1e-12)) return buckets.bounds[i];
  }
  return Infinity;
}

/** `0.10` and `0.1` are the same bound. */
function boundOf(le: string | undefined): number | undefined {
  if (le === undefined || le.trim() === '') return undefined;
  const bound = le === '+Inf' || le === 'Inf' ? Infinity : Number(le);
  return Number.isNaN(bound) ? undefined : bound;
}
