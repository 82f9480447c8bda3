import type { CensoredLatencies } from './censored.js';

/** A point of the distribution of latencies. */
export interface DistributionPoint {
  /** Of all requests, from 0 and below 1. */
  readonly share: number;
  /** This share took at most so many milliseconds, or longer when it `isBound`. */
  readonly ms: number;
  readonly isBound: boolean;
}

/** Points for each factor of ten in what is left: from p90 to p99, for example. */
const pointsPerNine = 20;

/** The whole distribution, as far as so many requests say something: of 1,000 up to p99.9. */
export function distributionOf(latencies: CensoredLatencies): DistributionPoint[] {
  const { count } = latencies;
  if (count === 0) return [];
  const nines = Math.min(5, Math.log10(count));
  return Array.from({ length: Math.floor(nines * pointsPerNine) + 1 }, (_, i) => {
    const share = Number((1 - 10 ** (-i / pointsPerNine)).toPrecision(12));
    const { atLeast, atMost } = latencies.quantile(share)!;
    return { share, ms: atLeast, isBound: atMost > atLeast };
  });
}
