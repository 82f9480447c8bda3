import { type Point, trendOf, type TrendOptions } from '../../statistics/trend.js';
import type { LoadResult } from '../result.js';

export type Unit = 'ms' | 'share' | 'bytes' | 'count' | 'value';

/** What is watched over a run. */
export interface Series {
  /** `p95`, `memory`. */
  readonly name: string;
  readonly unit: Unit;
  /** `at` in milliseconds from the begin of the run. */
  readonly points: readonly Point[];
}

/** Whether a series rises; numbers in its unit, null where nothing is known. */
export interface Drift {
  readonly name: string;
  readonly unit: Unit;
  readonly verdict: 'rising' | 'steady' | 'unclear';
  /** Of the fitted line, after the warm-up. */
  readonly begins: number | null;
  /** From there to the end. */
  readonly rise: number | null;
  readonly interval: { readonly lower: number | null; readonly upper: number | null };
  /** The least rise that counts. */
  readonly matters: number;
  readonly points: readonly Point[];
}

export interface DriftOptions {
  /** A rise by less than this share of the beginning does not count. */
  readonly maxRise: number;
}

/** Rises that nobody feels, in the unit of the series. */
const unfelt: Readonly<Record<Unit, number>> = { ms: 1, share: 0.005, bytes: 1 << 20, count: 2, value: 0 };
/** Probability that anything at all is said to rise when nothing does. */
const falseAlarms = 0.05;

/** Latency and errors of a run over its time: one point for each slice that has requests. */
export function seriesOf({ timeline }: LoadResult): Series[] {
  const slices = timeline.filter(({ sent }) => sent > 0);
  const latency = (quantile: 'p50' | 'p95'): Series => ({
    name: quantile,
    unit: 'ms',
    points: slices.flatMap(({ startMs, latencyMs }) => {
      const value = latencyMs[quantile];
      return value === null ? [] : [{ at: startMs, value }];
    }),
  });
  const errors: Series = {
    name: 'errors',
    unit: 'share',
    points: slices.map((slice) => ({
      at: slice.startMs,
      value: (slice.failed + slice.unexpected + slice.incomplete) / slice.sent,
    })),
  };
  return [latency('p50'), latency('p95'), errors];
}

/** Whether each series rises. That one of them is said to by chance has the same probability, however many there are. */
export function driftsOf(all: readonly Series[], { maxRise }: DriftOptions): Drift[] {
  // Of an interval only one end is a false alarm.
  const alpha = (2 * falseAlarms) / Math.max(1, all.length);
  return all.map(({ name, unit, points }) => {
    const options: TrendOptions = {
      relative: maxRise,
      absolute: unfelt[unit],
      of: unit === 'bytes' ? 'floor' : 'level',
      alpha,
    };
    const { verdict, slope, interval, rise, matters, begins } = trendOf(points, options);
    const timeMs = slope === 0 ? spanOf(points) : rise / slope;
    return {
      name,
      unit,
      verdict,
      begins: points.length === 0 ? null : begins,
      rise: points.length === 0 ? null : rise,
      interval: { lower: finite(interval.lower * timeMs), upper: finite(interval.upper * timeMs) },
      matters,
      points,
    };
  });
}

function spanOf(points: readonly Point[]): number {
  return points.length === 0 ? 0 : points.at(-1)!.at - points[0]!.at;
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
