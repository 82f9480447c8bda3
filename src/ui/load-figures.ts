import { formatCount, formatDuration } from '../lib/core/units.js';
import type { Quantiles } from '../lib/load/quantiles.js';

/** Quantiles as they are shown, in this order. */
export const quantileTitles = {
  p50: 'p50',
  p90: 'p90',
  p95: 'p95',
  p99: 'p99',
  p999: 'p99.9',
  max: 'max',
} as const;

/** `12ms`, `≥ 1.2s` when it may be longer, `–` without a request. */
export function formatQuantile(
  name: keyof Quantiles,
  quantiles: Quantiles,
  lowerBounds: readonly string[],
): string {
  const ms = quantiles[name];
  if (ms === null) return '–';
  return `${lowerBounds.includes(name) ? '≥ ' : ''}${formatDuration(ms)}`;
}

/** Requests a second; below 10 with a fraction. */
export function formatRate(perSecond: number): string {
  return `${perSecond < 10 ? Number(perSecond.toFixed(2)) : formatCount(perSecond)}/s`;
}
