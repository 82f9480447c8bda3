import type { DistributionPoint } from '../../lib/load/distribution.js';
import type { Quantiles } from '../../lib/load/quantiles.js';
import type { LoadResult } from '../../lib/load/result.js';
import type { TimelineEntry } from '../../lib/load/timeline-entry.js';
import type { Chart, Line } from './chart.js';

/** While requests were due: in the drain after it the rate is 0, and that is no news. */
function inTime({ timeline, durationMs }: LoadResult): TimelineEntry[] {
  return timeline.filter(({ startMs }) => startMs < durationMs);
}

export function rateChart(result: LoadResult): Chart {
  const { targetRate } = result;
  const timeline = inTime(result);
  const perSecond = (count: (entry: TimelineEntry) => number) =>
    timeline.map((entry) => count(entry) / (entry.lengthMs / 1000));
  const isWanted = targetRate !== null;
  return {
    title: isWanted ? 'Rate: wanted, sent, answered' : 'Rate: sent, answered',
    x: overTime(timeline),
    unit: '/s',
    scale: 'linear',
    lines: [
      { label: 'sent', values: perSecond(({ starts }) => starts), color: 'main' },
      { label: 'answered', values: perSecond(({ ends }) => ends), color: 'second' },
      // Last, so that it is seen where it is met.
      ...(isWanted
        ? [
            {
              label: 'wanted',
              values: timeline.map((entry) => entry.targetRate),
              color: 'wanted',
              dashed: true,
            } as const,
          ]
        : []),
    ],
  };
}

export function latencyChart({ timeline, targetRate }: LoadResult): Chart {
  const line = (quantile: keyof Quantiles, label: string, color: Line['color']): Line => ({
    label,
    values: timeline.map(({ latencyMs }) => latencyMs[quantile]),
    color,
  });
  return {
    title: `${targetRate === null ? 'Service' : 'Response'} time of requests by when they were due`,
    x: overTime(timeline),
    unit: 'ms',
    scale: 'log',
    lines: [
      line('p50', 'p50', 'low'),
      line('p95', 'p95', 'middle'),
      line('p99', 'p99', 'high'),
      line('max', 'max', 'highest'),
    ],
  };
}

/** Undefined when nothing went wrong. */
export function errorChart(result: LoadResult): Chart | undefined {
  const { errors, incomplete } = result;
  const timeline = inTime(result);
  if (errors.total + incomplete === 0) return undefined;
  const perSecond = (key: 'failed' | 'unexpected' | 'incomplete') =>
    timeline.map((entry) => entry[key] / (entry.lengthMs / 1000));
  return {
    title: 'Errors by when the request was due',
    x: overTime(timeline),
    unit: '/s',
    scale: 'linear',
    lines: [
      { label: 'failed', values: perSecond('failed'), color: 'bad' },
      { label: 'unexpected status', values: perSecond('unexpected'), color: 'warn' },
      { label: 'no answer at the end', values: perSecond('incomplete'), color: 'main', dashed: true },
    ],
  };
}

export function connectionChart(result: LoadResult): Chart {
  const timeline = inTime(result);
  return {
    title: 'Open connections',
    x: overTime(timeline),
    unit: 'count',
    scale: 'linear',
    lines: [
      { label: 'most at one time', values: timeline.map(({ connections }) => connections), color: 'main' },
    ],
  };
}

/** What share of requests took at most how long. */
export function distributionChart(points: readonly DistributionPoint[], isOpenLoop: boolean): Chart {
  const name = isOpenLoop ? 'response time' : 'service time';
  const firstBound = points.findIndex(({ isBound }) => isBound);
  const known = firstBound < 0 ? points.length : firstBound;
  return {
    title: `Distribution of ${name}`,
    x: { kind: 'share', values: points.map(({ share }) => share) },
    unit: 'ms',
    scale: 'log',
    lines: [
      { label: name, values: points.map(({ ms }, i) => (i < known ? ms : null)), color: 'main' },
      ...(firstBound < 0
        ? []
        : // From the last point that is known, so that the line has no gap.
          [
            {
              label: 'at least',
              values: points.map(({ ms }, i) => (i >= known - 1 ? ms : null)),
              color: 'bad',
              dashed: true,
            } as const,
          ]),
    ],
  };
}

/** The middle of each slice: what is drawn is its average. */
function overTime(timeline: readonly TimelineEntry[]): Chart['x'] {
  return {
    kind: 'seconds',
    values: timeline.map(({ startMs, lengthMs }) => (startMs + lengthMs / 2) / 1000),
  };
}
