import { lengthNeeded, longRunDeviation } from '../../statistics/length-needed.js';
import type { Sides } from './slice.js';

/** "To find +10 % with a certainty of 95 %: 60 slices of 500 requests", of each run. */
export interface Plan {
  /** 0.1 for +10 %. */
  readonly increase: number;
  readonly certainty: number;
  /** Of each run; infinite when no number is enough. */
  readonly slices: number;
  readonly requestsPerSlice: number;
}

export interface PlanOptions {
  /** ln of a quantile of each block of slices. */
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly paired: boolean;
  readonly fewestSlices: number;
  /** Probability of a false alarm. */
  readonly alpha: number;
  /** Differences that the histograms cannot tell, in the logarithm. */
  readonly resolution: number;
  readonly maxIncrease: number;
}

const certainty = 0.95;

/** How many slices like those of a first run, its warm-up left out, find an increase. */
export function planOf(sides: Sides, options: PlanOptions): Plan {
  const { a, b, paired, fewestSlices, alpha, resolution, maxIncrease } = options;
  // With a gate of 10 % an increase by 10 % cannot be told from one that is allowed.
  const increase = maxIncrease === 0 ? 0.1 : (1 + maxIncrease) ** 2 - 1;
  const effect = Math.log1p(increase) - Math.log1p(maxIncrease) - resolution;
  const deviation = paired
    ? longRunDeviation(b.map((value, i) => value - a[i]!))
    : Math.hypot(longRunDeviation(a), longRunDeviation(b));
  const blocks = lengthNeeded({ deviation, effect, alpha, power: certainty }, fewestSlices);
  const slices = [...sides.a, ...sides.b];
  return {
    increase,
    certainty,
    slices: Math.ceil((blocks * slices.length) / (a.length + b.length)),
    requestsPerSlice: Math.round(slices.reduce((sum, { sent }) => sum + sent, 0) / slices.length),
  };
}
