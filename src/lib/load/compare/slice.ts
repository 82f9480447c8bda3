import type { Latencies } from '../../measure/latencies.js';
import { differenceOfMeans, meanOfSeries, type SeriesMean } from '../../statistics/series-mean.js';
import type { OpenLatencies } from '../tally.js';

/** A stretch of a run, of a second to a minute. */
export interface Slice {
  /** When it began: milliseconds of the wall clock. */
  readonly startMs: number;
  readonly sent: number;
  /** Requests that failed, and answers that the test did not expect. */
  readonly errors: number;
  /** Of expected answers. */
  readonly latencies: Latencies;
  /** How old the requests were that never had an answer: lower bounds of their latencies. */
  readonly incomplete: Latencies;
}

/** The slices of two runs, each in the order of time. */
export interface Sides {
  readonly a: readonly Slice[];
  readonly b: readonly Slice[];
  /** Whether those of the same index are neighbours in time. */
  readonly paired: boolean;
}

/** Slices of one moment: [A, B] of runs that are interleaved, else [A] or [B]. */
type Row = readonly Slice[];

/**
 * Pairs the slices that are neighbours in time when the runs are interleaved (A B A B, A B B A, or both at once), which
 * drops those that have none. Runs are not when fewer than nine in ten of their slices have a neighbour.
 */
export function sidesOf(a: readonly Slice[], b: readonly Slice[]): Sides {
  const inTime = [
    ...a.map((slice) => ({ slice, isA: true })),
    ...b.map((slice) => ({ slice, isA: false })),
  ].sort((one, other) => one.slice.startMs - other.slice.startMs);
  const pairs: Row[] = [];
  for (let i = 0; i + 1 < inTime.length; i++) {
    const [one, other] = [inTime[i]!, inTime[i + 1]!];
    if (one.isA === other.isA) continue;
    pairs.push(one.isA ? [one.slice, other.slice] : [other.slice, one.slice]);
    i++;
  }
  if (pairs.length >= 0.9 * Math.max(a.length, b.length, 1)) return fromRows(pairs);
  const alone = (isA: boolean) => inTime.filter((each) => each.isA === isA).map(({ slice }) => slice);
  return { a: alone(true), b: alone(false), paired: false };
}

/** Neighbouring slices joined until each has so many latencies. What is left over becomes part of the last one. */
export function joined({ a, b, paired }: Sides, requests: number, open: OpenLatencies): Sides {
  if (paired)
    return fromRows(
      joinedRows(
        a.map((slice, i) => [slice, b[i]!]),
        requests,
        open,
      ),
    );
  const [ofA, ofB] = [a, b].map((side) =>
    joinedRows(
      side.map((slice) => [slice]),
      requests,
      open,
    ).flat(),
  );
  return { a: ofA!, b: ofB!, paired };
}

/** The mean of B's values less A's, given in the order of the slices. */
export function meanDifference(a: readonly number[], b: readonly number[], paired: boolean): SeriesMean {
  return paired
    ? meanOfSeries(b.map((value, i) => value - a[i]!))
    : differenceOfMeans(meanOfSeries(b), meanOfSeries(a));
}

function fromRows(pairs: readonly Row[]): Sides {
  return { a: pairs.map(([slice]) => slice!), b: pairs.map(([, slice]) => slice!), paired: true };
}

function joinedRows(rows: readonly Row[], requests: number, open: OpenLatencies): Row[] {
  const blocks: Row[] = [];
  let part: Row | undefined;
  for (const row of rows) {
    part = part ? sumOf(part, row, open) : row;
    if (part.some(({ latencies, incomplete }) => latencies.count + incomplete.count < requests)) continue;
    blocks.push(part);
    part = undefined;
  }
  const last = blocks.pop();
  if (last === undefined) return [];
  return [...blocks, part ? sumOf(last, part, open) : last];
}

function sumOf(one: Row, other: Row, open: OpenLatencies): Row {
  return one.map((slice, side) => {
    const more = other[side]!;
    const [latencies, incomplete] = [open(), open()];
    for (const each of [slice, more]) {
      latencies.add(each.latencies);
      incomplete.add(each.incomplete);
    }
    return {
      startMs: slice.startMs,
      sent: slice.sent + more.sent,
      errors: slice.errors + more.errors,
      latencies,
      incomplete,
    };
  });
}
