import { CensoredLatencies } from './censored.js';
import { lowerBoundsOf, type Quantiles, quantilesOf } from './quantiles.js';
import type { CheckCounts, OpenLatencies } from './tally.js';
import type { Timeline } from './timeline.js';

/** A slice of a run, as results have it. */
export interface TimelineEntry {
  /** Milliseconds from the begin of the run. */
  readonly startMs: number;
  readonly lengthMs: number;
  /** Arrivals a second that the stages want, on average; null in a closed loop, and after the end. */
  readonly targetRate: number | null;
  /** Of requests that were due in this time. */
  readonly due: number;
  readonly sent: number;
  /** With any status. */
  readonly answered: number;
  /** Answers with a status that was not expected. */
  readonly unexpected: number;
  readonly failed: number;
  /** Without an answer at the end of the run. */
  readonly incomplete: number;
  readonly checks: CheckCounts;
  /** Of what happened in this time, whenever it was due: requests sent, answers, and their bytes. */
  readonly starts: number;
  readonly ends: number;
  readonly bytes: number;
  /** Most open connections. */
  readonly connections: number;
  /** Response time of the expected answers to requests that were due in this time. */
  readonly latencyMs: Quantiles;
  readonly lowerBounds: readonly string[];
}

/** All slices from the begin to the last event, also those in which nothing happened. */
export function timelineOf(
  timeline: Timeline,
  elapsedMs: number,
  targetRateAt: (fromMs: number, toMs: number) => number | null,
  open: OpenLatencies,
): TimelineEntry[] {
  const { sliceMs, slices } = timeline;
  const last = slices.at(-1)?.startMs ?? -sliceMs;
  const entries: TimelineEntry[] = [];
  for (let startMs = 0; startMs <= last; startMs += sliceMs) {
    const slice = timeline.at(startMs);
    const latency = new CensoredLatencies(slice.response, slice.ages, open);
    // Nothing is due after the end: rates of the slice that has it are of the time before.
    const lengthMs = startMs < elapsedMs ? Math.min(sliceMs, elapsedMs - startMs) : sliceMs;
    const { due, sent, answered, unexpected, failed, incomplete, checks, starts, ends, bytes, connections } =
      slice;
    entries.push({
      startMs,
      lengthMs,
      targetRate: startMs < elapsedMs ? targetRateAt(startMs, startMs + lengthMs) : null,
      due,
      sent,
      answered,
      unexpected,
      failed,
      incomplete,
      checks,
      starts,
      ends,
      bytes,
      connections,
      latencyMs: quantilesOf(latency),
      lowerBounds: lowerBoundsOf(latency),
    });
  }
  return entries;
}
