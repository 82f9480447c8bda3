import type { TimelineEntry } from './timeline-entry.js';

/** A line for each slice of the run. Times from the begin in seconds, latencies in milliseconds, empty where there is none. */
export function timelineCsv(timeline: readonly TimelineEntry[]): string {
  return [columns.map(([name]) => name), ...timeline.map((entry) => columns.map(([, get]) => get(entry)))]
    .map((row) => `${row.map((value) => value ?? '').join(',')}\n`)
    .join('');
}

const plain = ['due', 'sent', 'answered', 'unexpected', 'failed', 'incomplete'] as const;
const quantiles = ['p50', 'p90', 'p95', 'p99', 'p999', 'max'] as const;

type Column = readonly [name: string, get: (entry: TimelineEntry) => string | number | null];

const columns: readonly Column[] = [
  ['start_s', ({ startMs }) => startMs / 1000],
  ['length_s', ({ lengthMs }) => lengthMs / 1000],
  ['target_rate', ({ targetRate }) => targetRate],
  ...plain.map((key): Column => [key, (entry) => entry[key]]),
  ['checks_passed', ({ checks }) => checks.passed],
  ['checks_failed', ({ checks }) => checks.failed],
  ['starts', ({ starts }) => starts],
  ['ends', ({ ends }) => ends],
  ['bytes', ({ bytes }) => bytes],
  ['connections', ({ connections }) => connections],
  ...quantiles.map((key): Column => [`${key}_ms`, ({ latencyMs }) => latencyMs[key]]),
  ['lower_bounds', ({ lowerBounds }) => lowerBounds.join(' ')],
];
