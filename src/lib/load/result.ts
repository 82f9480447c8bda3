import { counted, formatCount, formatPercent } from '../core/units.js';
import type { CensoredLatencies } from './censored.js';
import type { LoadTally, LostThread } from './generator.js';
import { judge, type ThresholdResult, timesOf } from './judge.js';
import type { NetworkCounts } from './network-counts.js';
import { byFilter } from './observed.js';
import { lowerBoundsOf, type Quantiles, quantilesOf } from './quantiles.js';
import type { IterationCounts } from './scenario/task-run.js';
import type { Shard } from './shard.js';
import type { SlowRequest } from './slowest.js';
import { ownFailures } from './socket-failure.js';
import type { CheckCounts, NameTally, OpenLatencies } from './tally.js';
import type { Threshold } from './threshold.js';
import { type TimelineEntry, timelineOf } from './timeline-entry.js';

export interface CheckResult extends CheckCounts {
  readonly name: string;
}

export interface NameResult {
  readonly name: string;
  /** All requests whose names have no row. */
  readonly isOther?: true;
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  readonly incomplete: number;
  readonly unexpected: number;
  readonly latencyMs: Quantiles;
  readonly lowerBounds: readonly string[];
  readonly checks: readonly CheckResult[];
  readonly bytes: number;
}

/** Of one run, or of several machines together. `sent` = `answered` + `failed` + `incomplete`, always. */
export interface LoadResult {
  /** When the first request was due, in ISO 8601. */
  readonly startedAt: string;
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
  /** How many requests the three rows of times speak of: expected answers, and requests without an answer. */
  readonly latencyCount: number;
  /** Of expected answers, from the intended start; requests without an answer count with their age. */
  readonly latencyMs: Quantiles;
  /** The same from the send. */
  readonly serviceTimeMs: Quantiles;
  /** Between the intended start and the send. */
  readonly waitMs: Quantiles;
  /** Those quantiles of `latencyMs` that may be longer. */
  readonly lowerBounds: readonly string[];
  /** Those of `serviceTimeMs`. */
  readonly serviceLowerBounds: readonly string[];
  /** Why response and service time differ, where they do by more than 2 times. */
  readonly latencyNote?: string;
  readonly errors: {
    readonly total: number;
    readonly byKind: Readonly<Record<string, number>>;
    /** Of failures, by kind: why the first one happened, in words about "it", the server. */
    readonly reasons: NetworkCounts['reasons'];
  };
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly byName: readonly NameResult[];
  readonly checks: readonly CheckResult[];
  readonly slowest: readonly SlowRequest[];
  readonly timeline: readonly TimelineEntry[];
  readonly bytes: number;
  readonly resent: number;
  readonly shard?: Shard;
  /** What was sent before the run; it is in nothing else. */
  readonly warmup?: Pick<NameResult, 'sent' | 'answered' | 'failed' | 'incomplete'>;
  /** Of a scenario. */
  readonly iterations?: IterationCounts;
  readonly generator: {
    readonly threads: number;
    readonly lostThreads: number;
    /** Which share of the load is missing, and why; undefined when none is. */
    readonly missing?: string;
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
  /** The threshold that ended the run before its time. */
  readonly abortedBy?: string;
  /** It was stopped from outside before its end: by Ctrl-C, or by the caller's signal. */
  readonly stopped?: true;
}

/** A send that is so much later than it was due is late. */
const lateMs = 10;
/** Beyond it the generator was the limit. */
const mostLagMs = 100;

export interface ResultOptions {
  readonly targetRate: number | undefined;
  /** Of a slice: see `TimelineEntry`. */
  readonly targetRateAt?: (fromMs: number, toMs: number) => number | null;
  readonly threads: number;
  readonly maxConnections: number;
  readonly thresholds: readonly Threshold[];
  readonly shard?: Shard | undefined;
  readonly abortedBy?: string | undefined;
  readonly stopped?: boolean | undefined;
  /** Of the scenario, whether or not they were made. */
  readonly checks?: readonly string[] | undefined;
  readonly open: OpenLatencies;
}

export function resultOf(tally: LoadTally, options: ResultOptions): LoadResult {
  const { open, threads, shard, abortedBy } = options;
  const { names, elapsedMs, lost } = tally;
  const total = names.total();
  const counts = countsOf(total);
  const seconds = Math.max(elapsedMs, 1) / 1000;
  const unsent = Math.max(0, tally.due - counts.sent);
  const bottleneck = bottleneckOf(tally, total, unsent, options);
  const [response, service, wait] = (['response', 'service', 'wait'] as const).map((of) =>
    timesOf(total, of, open),
  ) as [CensoredLatencies, CensoredLatencies, CensoredLatencies];
  const note = noteOf(response, service);
  const isPartial = lost.length > 0;
  const observed = {
    ...byFilter(names, total, open),
    ...{ open, seconds, unsent, bottleneck, isPartial, checks: options.checks },
    hasOwnFailures: hasOwnFailures(total),
  };
  return {
    startedAt: new Date(tally.startedAt).toISOString(),
    requests: tally.due,
    ...counts,
    unsent,
    rps: round(counts.answered / seconds),
    goodput: round(total.response.count / seconds),
    targetRate: options.targetRate ?? null,
    achievedRate: round(counts.sent / seconds),
    durationMs: Math.round(elapsedMs),
    latencyCount: response.count,
    latencyMs: quantilesOf(response),
    serviceTimeMs: quantilesOf(service),
    waitMs: quantilesOf(wait),
    lowerBounds: lowerBoundsOf(response),
    serviceLowerBounds: lowerBoundsOf(service),
    ...(note === undefined ? {} : { latencyNote: note }),
    errors: { ...errorsOf(total), reasons: tally.network.reasons },
    statuses: Object.fromEntries([...total.statuses].sort(([a], [b]) => a - b)),
    byName: [
      ...[...names.rows].map(([name, each]) => nameResult(name, each, open)),
      ...(names.other ? [{ ...nameResult('other', names.other, open), isOther: true as const }] : []),
    ],
    checks: checksOf(total),
    slowest: tally.slowest,
    timeline: timelineOf(tally.timeline, elapsedMs, options.targetRateAt ?? (() => null), open),
    bytes: total.bytes,
    resent: tally.resent,
    ...(shard && { shard }),
    ...(tally.warmup.sent > 0 && { warmup: countsOf(tally.warmup) }),
    ...(tally.iterations && { iterations: tally.iterations }),
    generator: {
      threads,
      lostThreads: lost.length,
      ...(isPartial && { missing: missingOf(lost, threads) }),
      mostConnections: tally.mostConnections,
      busy: round(tally.busy),
      lateSends: options.targetRate === undefined ? 0 : tally.lag.count - tally.lag.countUpTo(lateMs),
      lookups: tally.network.lookups,
      byAddress: tally.network.byAddress,
      lagMs: { p99: tally.lag.quantile(0.99), max: tally.lag.quantile(1) },
      ...(bottleneck === undefined ? {} : { bottleneck }),
    },
    thresholds: options.thresholds.map((threshold) => judge(threshold, observed)),
    ...(abortedBy === undefined ? {} : { abortedBy }),
    ...(options.stopped && { stopped: true as const }),
  };
}

function missingOf(lost: readonly LostThread[], threads: number): string {
  const which = lost.map(({ thread, reason }) => `thread ${thread} died (${reason})`).join(', ');
  return `${formatPercent(lost.length / threads, 0)} of the load, ${counted(lost.length, 'thread')} of ${threads}: ${which}`;
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

/** One sentence where the first two rows differ by more than 2 times, and by what can be felt. */
function noteOf(response: CensoredLatencies, service: CensoredLatencies): string | undefined {
  for (const [name, q] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const [slow, fast] = [response.quantile(q)?.atLeast ?? 0, service.quantile(q)?.atLeast ?? 0];
    if (slow > 2 * fast && slow - fast > 10)
      return `At ${name}, response time is ${formatCount(slow / fast)} times service time: requests waited to be sent, since no connection was free or the generator was late, and that wait counts.`;
  }
  return undefined;
}

/** Failures that say nothing of the server. */
function hasOwnFailures({ failures }: NameTally): boolean {
  return [...failures.keys()].some((kind) => ownFailures.has(kind));
}

function countsOf(tally: NameTally) {
  return {
    sent: tally.sent,
    answered: tally.answered,
    failed: tally.failed,
    incomplete: tally.incomplete.count,
  };
}

function nameResult(name: string, tally: NameTally, open: OpenLatencies): NameResult {
  const latency = timesOf(tally, 'response', open);
  return {
    name,
    ...countsOf(tally),
    unexpected: tally.unexpected.count,
    latencyMs: quantilesOf(latency),
    lowerBounds: lowerBoundsOf(latency),
    checks: checksOf(tally),
    bytes: tally.bytes,
  };
}

function checksOf(tally: NameTally): CheckResult[] {
  return [...tally.checks].map(([name, counts]) => ({ name, ...counts }));
}

function errorsOf(total: NameTally): Omit<LoadResult['errors'], 'reasons'> {
  const byKind: Record<string, number> = {};
  for (const [kind, count] of total.failures) byKind[kind] = count;
  for (const [status, count] of total.unexpectedStatuses) byKind[`status ${status}`] = count;
  return { total: total.failed + total.unexpected.count, byKind };
}

const round = (value: number) => Math.round(value * 1000) / 1000;
