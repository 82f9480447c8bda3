import type { Latencies } from '../measure/latencies.js';
import type { EngineTally } from './engine.js';
import { NameTable, type Rows } from './name-table.js';
import {
  type CheckCounts,
  type FailureKind,
  histogramsOfTally,
  NameTally,
  type OpenLatencies,
} from './tally.js';
import { countsOfSlice, type Slice, Timeline } from './timeline.js';

/** A histogram as it is given to another thread. */
export type PackedLatencies = Float64Array;

/** A tally as plain data. Histograms without a record are left out. */
export interface PackedNameTally<H> {
  readonly sent: number;
  readonly bytes: number;
  readonly statuses: readonly (readonly [status: number, count: number])[];
  readonly unexpectedStatuses: readonly (readonly [status: number, count: number])[];
  readonly failures: readonly (readonly [kind: FailureKind, count: number])[];
  readonly checks: readonly (readonly [name: string, counts: CheckCounts])[];
  readonly histograms: { readonly [K in (typeof histogramsOfTally)[number]]?: H | undefined };
}

export interface PackedRow<H> extends PackedNameTally<H> {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

export interface PackedNames<H> {
  readonly rows: readonly PackedRow<H>[];
  readonly other?: PackedNameTally<H> | undefined;
}

export interface PackedSlice<H> {
  /** Milliseconds from the begin of the run. */
  readonly startMs: number;
  /** In the order of `countsOfSlice`. */
  readonly counts: readonly number[];
  readonly checks: CheckCounts;
  readonly connections: number;
  readonly response?: H | undefined;
  readonly ages?: H | undefined;
}

export interface PackedTimeline<H> {
  readonly sliceMs: number;
  readonly slices: readonly PackedSlice<H>[];
}

/** What a thread counted, as plain data. */
export interface PackedTally extends Omit<EngineTally, 'names' | 'warmup' | 'lag'> {
  readonly lag: PackedLatencies;
  readonly warmup: PackedNameTally<PackedLatencies>;
  readonly names: PackedNames<PackedLatencies>;
}

/** How histograms become plain data. */
export type Pack<H> = (latencies: Latencies) => H;
/** Adds such data to a histogram. */
export type AddTo<H> = (latencies: Latencies, packed: H) => void;

const packLatencies: Pack<PackedLatencies> = (latencies) => latencies.pack();
const addPacked: AddTo<PackedLatencies> = (latencies, packed) => latencies.addPacked(packed);

export function packTally({ names, warmup, lag, ...rest }: EngineTally): PackedTally {
  return { ...rest, lag: lag.pack(), warmup: packForThread(warmup), names: packNames(names, packLatencies) };
}

/** What a thread counted, its names one after the other: all together they are large. */
export interface UnpackedTally extends Omit<EngineTally, 'names'> {
  readonly names: Rows;
}

export function unpackTally(packed: PackedTally, open: OpenLatencies): UnpackedTally {
  const lag = open();
  lag.addPacked(packed.lag);
  const warmup = new NameTally(open);
  addFromThread(warmup, packed.warmup);
  return { ...packed, lag, warmup, names: unpackRows(packed.names, open, addPacked) };
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

/** With a row for each name that had one. */
export function unpackNames<H>(packed: PackedNames<H>, open: OpenLatencies, addTo: AddTo<H>): NameTable {
  const names = new NameTable(
    open,
    packed.rows.map(({ name }) => name),
  );
  names.add(unpackRows(packed, open, addTo));
  return names;
}

function unpackRows<H>({ rows, other }: PackedNames<H>, open: OpenLatencies, addTo: AddTo<H>): Rows {
  const unpack = (packed: PackedNameTally<H>, tags?: Readonly<Record<string, string>>) => {
    const tally = new NameTally(open, tags);
    addPackedTally(tally, packed, addTo);
    return tally;
  };
  function* each(): Iterable<readonly [string, NameTally]> {
    for (const row of rows) yield [row.name, unpack(row, row.tags)];
  }
  return { rows: each(), other: other && unpack(other) };
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
