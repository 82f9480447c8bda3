import type { Bounded, CensoredLatencies } from './censored.js';

/** Milliseconds; null without a request. A value that is only bounded from below is in `lowerBounds`. */
export interface Quantiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

const shares = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999, max: 1 } as const;

export function quantilesOf(latencies: CensoredLatencies): Quantiles {
  const entries = Object.entries(shares).map(([name, q]) => [name, latencies.quantile(q)?.atLeast ?? null]);
  return Object.fromEntries(entries) as unknown as Quantiles;
}

export function lowerBoundsOf(latencies: CensoredLatencies): string[] {
  const isBound = (bounded: Bounded | undefined) => bounded !== undefined && bounded.atMost > bounded.atLeast;
  return Object.entries(shares)
    .filter(([, q]) => isBound(latencies.quantile(q)))
    .map(([name]) => name);
}
