import { type Bounded, CensoredLatencies } from './censored.js';
import type { LoadTally } from './generator.js';
import { judge, showBounded, type Threshold, type ThresholdResult } from './threshold.js';
import { formatCount } from '../core/units.js';
import type { NetworkCounts } from './network-counts.js';
import { ownFailures } from './socket-failure.js';
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
  readonly errors: {
    readonly total: number;
    readonly byKind: Readonly<Record<string, number>>;
    /** Of failures, by kind: why the first one happened, in words about "it", the server. */
    readonly reasons: NetworkCounts['reasons'];
  };
  readonly byName: readonly NameResult[];
  readonly bytes: number;
  readonly resent: number;
  readonly generator: {
    readonly threads: number;
    readonly lostThreads: number;
    readonly mostConnections: number;
    /** The share of the time in which its busiest thread was not waiting for anything. */
    readonly busy: number;
    /** Requests of an open loop whose turn came more than 10 ms after they were due. */
    readonly lateSends: number;
    /** How often a resolver was asked for addresses. */
    readonly lookups: number;
    readonly byAddress: NetworkCounts['byAddress'];
    /** How late the generator itself was, in milliseconds. */
    readonly lagMs: { readonly p99: number; readonly max: number };
    /** Why its own limits, not the server's, made the run; undefined when they did not. */
    readonly bottleneck?: string;
  };
  readonly thresholds: readonly ThresholdResult[];
}

/** A send that is so much later than it was due is late. */
const lateMs = 10;
/** Beyond it the generator was the limit. */
const mostLagMs = 100;

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
  const errors = { ...errorsOf(total), reasons: tally.network.reasons };
  const unsent = Math.max(0, tally.due - counts.sent);
  const bottleneck = bottleneckOf(tally, total, unsent, options);
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
    })),
    bytes: total.bytes,
    resent: tally.resent,
    generator: {
      threads: options.threads,
      lostThreads: tally.lostThreads,
      mostConnections: tally.mostConnections,
      busy: round(tally.busy),
      lateSends: options.targetRate === undefined ? 0 : tally.lag.count - tally.lag.countUpTo(lateMs),
      lookups: tally.network.lookups,
      byAddress: tally.network.byAddress,
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
    const isOwn = metric !== 'error_rate' || hasOwnFailures(total);
    if (isOwn && bottleneck !== undefined) return judge(threshold, undefined, `no data: ${bottleneck}`);
    if (metric === 'error_rate') return judge(threshold, ...errorRateOf(counts, errors.total));
    return judge(threshold, point(figures[metric]), `${figures[metric].toFixed(1)}/s`);
  }
}

/** Why the figures are those of the generator, and not of the server. */
function bottleneckOf(
  tally: LoadTally,
  total: NameTally,
  unsent: number,
  { maxConnections, targetRate }: ResultOptions,
): string | undefined {
  if (tally.shortfall !== undefined) return `stopped early: ${tally.shortfall}`;
  for (const [kind, count] of total.failures)
    if (ownFailures.has(kind))
      return `${formatCount(count)} requests failed because ${tally.network.reasons[kind] ?? kind}`;
  if (unsent > 0.01 * tally.due && tally.mostConnections >= maxConnections)
    return `all ${formatCount(maxConnections)} connections were in use, and ${formatCount(unsent)} of ${formatCount(tally.due)} requests were not sent`;
  // Of an open loop it is known for each request. Of a closed one it is sampled by the clock: a tenth of the time counts.
  const percent = targetRate === undefined ? 90 : 99;
  const lag = tally.lag.quantile(percent / 100);
  return lag > mostLagMs ? `the generator itself was ${Math.round(lag)}ms late at p${percent}` : undefined;
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

/** Failures that say nothing of the server. */
function hasOwnFailures({ failures }: NameTally): boolean {
  return [...failures.keys()].some((kind) => ownFailures.has(kind));
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

function errorsOf(total: NameTally): Omit<LoadResult['errors'], 'reasons'> {
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
