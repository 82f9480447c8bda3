import { type Bounded, CensoredLatencies } from './censored.js';
import type { LoadTally } from './generator.js';
import { judge, showBounded, type Threshold, type ThresholdResult } from './threshold.js';
import { formatCount } from '../core/units.js';
import type { IterationCounts } from './scenario/task-run.js';
import { NameTally, type OpenLatencies } from './tally.js';

/** Milliseconds; null without a request. A value that is only bounded from below is in `lowerBounds`. */
export interface Quantiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

export interface NameResult {
  readonly name: string;
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  readonly incomplete: number;
  readonly unexpected: number;
  readonly latencyMs: Quantiles;
  readonly checks: readonly CheckResult[];
}

export interface CheckResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
}

/** Of one run. `sent` = `answered` + `failed` + `incomplete`, always. */
export interface LoadResult {
  /** Requests that were due. */
  readonly requests: number;
  readonly sent: number;
  /** With any status. */
  readonly answered: number;
  readonly failed: number;
  /** Sent, and without an answer when the drain was over. */
  readonly incomplete: number;
  /** Due and never sent: the generator had no connection free. */
  readonly unsent: number;
  /** Answers a second. */
  readonly rps: number;
  /** Expected answers a second. */
  readonly goodput: number;
  readonly targetRate: number | null;
  /** Requests sent a second. */
  readonly achievedRate: number;
  readonly durationMs: number;
  /** Of expected answers, from the intended start; requests without an answer count with their age. */
  readonly latencyMs: Quantiles;
  /** Of expected answers, from the send. */
  readonly serviceTimeMs: Quantiles;
  /** Between the intended start and the send. */
  readonly waitMs: Quantiles;
  /** Those quantiles of `latencyMs` that may be longer. */
  readonly lowerBounds: readonly string[];
  readonly errors: { readonly total: number; readonly byKind: Readonly<Record<string, number>> };
  readonly byName: readonly NameResult[];
  readonly bytes: number;
  readonly resent: number;
  /** What was sent before the run; it is in nothing else. */
  readonly warmup?: Pick<NameResult, 'sent' | 'answered' | 'failed' | 'incomplete'>;
  /** Of a scenario. */
  readonly iterations?: IterationCounts;
  readonly generator: {
    readonly threads: number;
    readonly lostThreads: number;
    readonly mostConnections: number;
    /** How late the generator itself was, in milliseconds. */
    readonly lagMs: { readonly p99: number; readonly max: number };
    /** Why its own limits, not the server's, made the run; undefined when they did not. */
    readonly bottleneck?: string;
  };
  readonly thresholds: readonly ThresholdResult[];
}

const shares = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999, max: 1 } as const;

export interface ResultOptions {
  readonly targetRate: number | undefined;
  readonly threads: number;
  readonly maxConnections: number;
  readonly thresholds: readonly Threshold[];
  readonly open: OpenLatencies;
}

export function resultOf(tally: LoadTally, options: ResultOptions): LoadResult {
  const { open } = options;
  const total = sumOf([...tally.byName.values()], open);
  const counts = countsOf(total);
  const seconds = Math.max(tally.elapsedMs, 1) / 1000;
  const latency = new CensoredLatencies(total.response, total.incomplete, open);
  const errors = errorsOf(total);
  const unsent = Math.max(0, tally.due - counts.sent);
  const bottleneck = bottleneckOf(tally, unsent, options);
  const figures = {
    rps: counts.answered / seconds,
    goodput: total.response.count / seconds,
  };
  return {
    requests: tally.due,
    ...counts,
    unsent,
    rps: round(figures.rps),
    goodput: round(figures.goodput),
    targetRate: options.targetRate ?? null,
    achievedRate: round(counts.sent / seconds),
    durationMs: Math.round(tally.elapsedMs),
    latencyMs: quantilesOf((q) => latency.quantile(q)),
    serviceTimeMs: quantilesOf(exact(total.service)),
    waitMs: quantilesOf(exact(total.wait)),
    lowerBounds: Object.entries(shares)
      .filter(([, q]) => isLowerBound(latency.quantile(q)))
      .map(([name]) => name),
    errors,
    byName: [...tally.byName].map(([name, each]) => ({
      name,
      ...countsOf(each),
      unexpected: each.unexpected.count,
      latencyMs: quantilesOf((q) => new CensoredLatencies(each.response, each.incomplete, open).quantile(q)),
      checks: [...each.checks].map(([check, counts]) => ({ name: check, ...counts })),
    })),
    bytes: total.bytes,
    resent: tally.resent,
    ...(tally.warmup.sent > 0 && { warmup: countsOf(tally.warmup) }),
    ...(tally.iterations && { iterations: tally.iterations }),
    generator: {
      threads: options.threads,
      lostThreads: tally.lostThreads,
      mostConnections: tally.mostConnections,
      lagMs: { p99: tally.lag.quantile(0.99), max: tally.lag.quantile(1) },
      ...(bottleneck === undefined ? {} : { bottleneck }),
    },
    thresholds: options.thresholds.map((threshold) => judged(threshold)),
  };

  function judged(threshold: Threshold): ThresholdResult {
    const { metric } = threshold;
    if (typeof metric === 'object') {
      if (bottleneck !== undefined) return judge(threshold, undefined, `no data: ${bottleneck}`);
      const observed = latency.quantile(metric.quantile);
      return judge(threshold, observed, observed ? showBounded(observed) : 'no successful answers');
    }
    if (metric !== 'error_rate' && bottleneck !== undefined)
      return judge(threshold, undefined, `no data: ${bottleneck}`);
    if (metric === 'error_rate') return judge(threshold, ...errorRateOf(counts, errors.total));
    return judge(threshold, point(figures[metric]), `${figures[metric].toFixed(1)}/s`);
  }
}

function bottleneckOf(
  tally: LoadTally,
  unsent: number,
  { targetRate, maxConnections }: ResultOptions,
): string | undefined {
  if (targetRate === undefined) return undefined;
  if (unsent > 0.01 * tally.due && tally.mostConnections >= maxConnections)
    return `all ${formatCount(maxConnections)} connections were in use, and ${formatCount(unsent)} of ${formatCount(tally.due)} requests were not sent`;
  const lag = tally.lag.quantile(0.99);
  return lag > 100 ? `the generator itself was ${Math.round(lag)}ms late at p99` : undefined;
}

/** Requests without an answer may still have failed. */
function errorRateOf(
  { sent, incomplete }: { readonly sent: number; readonly incomplete: number },
  failed: number,
): [observed: Bounded | undefined, shown: string] {
  if (sent === 0) return [undefined, 'nothing was sent'];
  const percent = (count: number) => `${((100 * count) / sent).toFixed(3)}%`;
  const shown =
    incomplete === 0
      ? `${percent(failed)}, ${formatCount(failed)} of ${formatCount(sent)}`
      : `${percent(failed)} to ${percent(failed + incomplete)}, ${formatCount(failed)} of ${formatCount(sent)} and ${formatCount(incomplete)} incomplete`;
  return [{ atLeast: failed / sent, atMost: (failed + incomplete) / sent }, shown];
}

function countsOf(tally: NameTally) {
  const add = (counts: Iterable<number>) => [...counts].reduce((sum, count) => sum + count, 0);
  return {
    sent: tally.sent,
    answered: add(tally.statuses.values()),
    failed: add(tally.failures.values()),
    incomplete: tally.incomplete.count,
  };
}

function errorsOf(total: NameTally): LoadResult['errors'] {
  const byKind: Record<string, number> = {};
  for (const [kind, count] of total.failures) byKind[kind] = count;
  for (const [status, count] of total.unexpectedStatuses) byKind[`status ${status}`] = count;
  const failures = [...total.failures.values()].reduce((sum, count) => sum + count, 0);
  return { total: failures + total.unexpected.count, byKind };
}

function sumOf(tallies: readonly NameTally[], open: OpenLatencies): NameTally {
  const total = new NameTally(open);
  for (const tally of tallies) total.add(tally);
  return total;
}

function quantilesOf(quantile: (q: number) => Bounded | undefined): Quantiles {
  const entries = Object.entries(shares).map(([name, q]) => [name, quantile(q)?.atLeast ?? null]);
  return Object.fromEntries(entries) as unknown as Quantiles;
}

function exact(latencies: NameTally['response']) {
  return (q: number) => (latencies.count === 0 ? undefined : point(latencies.quantile(q)));
}

function isLowerBound(bounded: Bounded | undefined): boolean {
  return bounded !== undefined && bounded.atMost > bounded.atLeast;
}

const point = (value: number): Bounded => ({ atLeast: value, atMost: value });
const round = (value: number) => Math.round(value * 1000) / 1000;
