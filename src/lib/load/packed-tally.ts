import { Latencies } from '../measure/latencies.js';
import type { EngineTally } from './engine.js';
import { NameTable } from './name-table.js';
import {
  type CheckCounts,
  type FailureKind,
  histogramsOfTally,
  NameTally,
  type OpenLatencies,
} from './tally.js';
import { countsOfSlice, type Slice, Timeline } from './timeline.js';

/** Histograms as they are given to another thread, and as they are stored: base64 of HdrHistogram's compressed format. */
export type PackedLatencies = Float64Array;
export type EncodedLatencies = string;

/** A tally as plain data. Histograms without a record are left out. */
export interface PackedNameTally<H> {
  readonly sent: number;
  readonly bytes: number;
  readonly statuses: readonly (readonly [status: number, count: number])[];
  readonly unexpectedStatuses: readonly (readonly [status: number, count: number])[];
  readonly failures: readonly (readonly [kind: FailureKind, count: number])[];
  readonly checks: readonly (readonly [name: string, counts: CheckCounts])[];
  readonly histograms: Readonly<Partial<Record<(typeof histogramsOfTally)[number], H>>>;
}

export interface PackedRow<H> extends PackedNameTally<H> {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface PackedNames<H> {
  readonly rows: readonly PackedRow<H>[];
  readonly other?: PackedNameTally<H>;
}

export interface PackedSlice<H> {
  /** Milliseconds from the begin of the run. */
  readonly startMs: number;
  /** In the order of `countsOfSlice`. */
  readonly counts: readonly number[];
  readonly checks: CheckCounts;
  readonly connections: number;
  readonly response?: H;
  readonly ages?: H;
}

export interface PackedTimeline<H> {
  readonly sliceMs: number;
  readonly slices: readonly PackedSlice<H>[];
}

/** What a thread counted, as plain data. */
export interface PackedTally extends Omit<EngineTally, 'names' | 'lag'> {
  readonly lag: PackedLatencies;
  readonly names: PackedNames<PackedLatencies>;
}

/** How histograms become plain data. */
type Pack<H> = (latencies: Latencies) => H;
/** Adds such data to a histogram. */
type AddTo<H> = (latencies: Latencies, packed: H) => void;

const packLatencies: Pack<PackedLatencies> = (latencies) => latencies.pack();
const addPacked: AddTo<PackedLatencies> = (latencies, packed) => latencies.addPacked(packed);

export function packTally({ names, lag, ...rest }: EngineTally): PackedTally {
  return { ...rest, lag: lag.pack(), names: packNames(names, packLatencies) };
}

export function unpackTally(packed: PackedTally, open: OpenLatencies): EngineTally {
  const lag = open();
  lag.addPacked(packed.lag);
  return { ...packed, lag, names: unpackNames(packed.names, open, addPacked) };
}

export function packForThread(tally: NameTally): PackedNameTally<PackedLatencies> {
  return packNameTally(tally, packLatencies);
}

export function addFromThread(tally: NameTally, packed: PackedNameTally<PackedLatencies>): void {
  addPackedTally(tally, packed, addPacked);
}

export function packTimelineForThread(timeline: Timeline): PackedTimeline<PackedLatencies> {
  return packTimeline(timeline, packLatencies);
}

export function timelineFromThread(packed: PackedTimeline<PackedLatencies>, open: OpenLatencies): Timeline {
  return unpackTimeline(packed, open, addPacked);
}

export function packNames<H>(names: NameTable, pack: Pack<H>): PackedNames<H> {
  return {
    rows: [...names.rows].map(([name, tally]) => ({
      name,
      ...(Object.keys(tally.tags).length > 0 && { tags: tally.tags }),
      ...packNameTally(tally, pack),
    })),
    ...(names.other && { other: packNameTally(names.other, pack) }),
  };
}

/** @param pinned names that always had a row */
export function unpackNames<H>(
  { rows, other }: PackedNames<H>,
  open: OpenLatencies,
  addTo: AddTo<H>,
  pinned: readonly string[] = rows.map(({ name }) => name),
): NameTable {
  const names = new NameTable(open, pinned);
  for (const row of rows) addPackedTally(names.tallyOf(row.name, row.tags), row, addTo);
  if (other) {
    const tally = new NameTally(open);
    addPackedTally(tally, other, addTo);
    names.add([], tally);
  }
  return names;
}

function packNameTally<H>(tally: NameTally, pack: Pack<H>): PackedNameTally<H> {
  return {
    sent: tally.sent,
    bytes: tally.bytes,
    statuses: [...tally.statuses],
    unexpectedStatuses: [...tally.unexpectedStatuses],
    failures: [...tally.failures],
    checks: [...tally.checks],
    histograms: Object.fromEntries(
      histogramsOfTally.filter((key) => tally[key].count > 0).map((key) => [key, pack(tally[key])]),
    ),
  };
}

function addPackedTally<H>(tally: NameTally, packed: PackedNameTally<H>, addTo: AddTo<H>): void {
  tally.sent += packed.sent;
  tally.bytes += packed.bytes;
  tally.addCounts(packed);
  for (const key of histogramsOfTally) {
    const histogram = packed.histograms[key];
    if (histogram !== undefined) addTo(tally[key], histogram);
  }
}

export function packTimeline<H>(timeline: Timeline, pack: Pack<H>): PackedTimeline<H> {
  const packed = (slice: Slice, startMs: number): PackedSlice<H> => ({
    startMs,
    counts: countsOfSlice.map((key) => slice[key]),
    checks: slice.checks,
    connections: slice.connections,
    ...(slice.response.count > 0 && { response: pack(slice.response) }),
    ...(slice.ages.count > 0 && { ages: pack(slice.ages) }),
  });
  return {
    sliceMs: timeline.sliceMs,
    slices: timeline.slices.map(({ startMs, slice }) => packed(slice, startMs)),
  };
}

export function unpackTimeline<H>(
  { sliceMs, slices }: PackedTimeline<H>,
  open: OpenLatencies,
  addTo: AddTo<H>,
): Timeline {
  const timeline = new Timeline(open, sliceMs, Infinity);
  for (const { startMs, counts, checks, connections, response, ages } of slices) {
    const slice = timeline.at(startMs);
    countsOfSlice.forEach((key, i) => (slice[key] += counts[i]!));
    slice.countChecks(checks);
    slice.connections = connections;
    if (response !== undefined) addTo(slice.response, response);
    if (ages !== undefined) addTo(slice.ages, ages);
  }
  return timeline;
}
