import type { Latencies } from '../measure/latencies.js';
import type { LoadPlan } from './generator.js';
import { decide } from './judge.js';
import type { LiveSlice, SoFar } from './so-far.js';
import type { OpenLatencies } from './tally.js';
import { targetRateBetween } from './target-rate.js';
import type { Threshold } from './threshold.js';

/** As many seconds are remembered one by one. */
const remembered = 120;

/** A second of a run. Latencies are in milliseconds, of expected answers; null without one. */
export interface LiveSecond {
  /** Requests that were sent in it. */
  readonly sent: number;
  /** Arrivals that the plan wants in it; null in a closed loop, and after the end. */
  readonly wanted: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** Of requests that were due in it, so far. */
  readonly errors: number;
}

export interface LiveThreshold {
  readonly expression: string;
  /** As the run stands; undefined when it can be told only at the end. */
  readonly verdict?: 'passed' | 'failed' | 'no-data';
}

/** How a run stands. */
export interface LiveRun {
  /** Milliseconds, in whole seconds. */
  readonly elapsedMs: number;
  /** The last ones, oldest first. */
  readonly seconds: readonly LiveSecond[];
  readonly sent: number;
  /** With any status. */
  readonly answered: number;
  /** Requests that failed, or had an unexpected answer. */
  readonly errors: number;
  /** Sent, and neither answered nor failed. */
  readonly underWay: number;
  readonly connections: number;
  /** Of the whole run so far. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly thresholds: readonly LiveThreshold[];
}

/** Makes of the seconds of a run how it stands. Memory does not depend on its length. */
export class LiveRecorder {
  readonly #plan: Pick<LoadPlan, 'arrivals' | 'durationMs' | 'shard'>;
  readonly #thresholds: readonly Threshold[];
  readonly #latencies: Latencies;
  #seconds: LiveSecond[] = [];
  #errors = 0;

  constructor(
    plan: Pick<LoadPlan, 'arrivals' | 'durationMs' | 'shard'>,
    thresholds: readonly Threshold[],
    open: OpenLatencies,
  ) {
    this.#plan = plan;
    this.#thresholds = thresholds;
    this.#latencies = open();
  }

  /** Takes a second that is over. */
  see({ startMs, lengthMs, slice }: LiveSlice, soFar: SoFar): LiveRun {
    const elapsedMs = startMs + lengthMs;
    const errors = slice.failed + slice.unexpected;
    this.#latencies.add(slice.response);
    this.#errors += errors;
    const second = { sent: slice.starts, wanted: this.#wanted(startMs, elapsedMs), errors };
    this.#seconds = [...this.#seconds, { ...second, ...quantilesOf(slice.response) }].slice(-remembered);
    const { sent, answered, failed } = soFar.progress;
    return {
      elapsedMs,
      seconds: this.#seconds,
      sent,
      answered,
      errors: this.#errors,
      underWay: sent - answered - failed,
      connections: slice.connections,
      ...quantilesOf(this.#latencies),
      thresholds: this.#thresholds.map((threshold) => this.#judge(threshold, answered, failed, elapsedMs)),
    };
  }

  #wanted(fromMs: number, toMs: number): number | null {
    const { arrivals, durationMs, shard } = this.#plan;
    if (arrivals.loop !== 'open' || durationMs === undefined || fromMs >= durationMs) return null;
    return targetRateBetween(arrivals.stages, fromMs, Math.min(toMs, durationMs)) / (shard?.of ?? 1);
  }

  /** By what seconds tell: what is about some of the requests waits for the end. */
  #judge(threshold: Threshold, answered: number, failed: number, elapsedMs: number): LiveThreshold {
    const { expression, metric, filter, operator, limit } = threshold;
    if (Object.keys(filter).length > 0) return { expression };
    const latencies = this.#latencies;
    const seconds = elapsedMs / 1000;
    const ended = answered + failed;
    let value: number | undefined;
    if (metric === 'rps') value = answered / seconds;
    else if (metric === 'goodput') value = latencies.count / seconds;
    else if (metric === 'error_rate') value = ended === 0 ? undefined : this.#errors / ended;
    else if (typeof metric === 'object' && 'quantile' in metric && metric.of === 'response')
      value = latencies.count === 0 ? undefined : latencies.quantile(metric.quantile);
    else return { expression };
    const verdict =
      value === undefined ? 'no-data' : decide(operator, { atLeast: value, atMost: value }, limit);
    return { expression, verdict };
  }
}

function quantilesOf(latencies: Latencies): Pick<LiveSecond, 'p50' | 'p95' | 'p99'> {
  const quantile = (q: number) => (latencies.count === 0 ? null : latencies.quantile(q));
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) };
}
