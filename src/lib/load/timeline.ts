import type { Latencies } from '../measure/latencies.js';
import type { CheckCounts, OpenLatencies } from './tally.js';

/** Length of a slice at first, in milliseconds. */
export const firstSliceMs = 1000;
/** From here on neighbours are joined, and slices are twice as long: memory does not depend on the duration. */
export const mostSlices = 240;

/**
 * What happened in one slice of a run. A request belongs to the slice in which it was due, with all that becomes of it:
 * `sent` = `answered` + `failed` + `incomplete` in each slice, when the run is over. In a closed loop it is due when it is sent.
 */
export class Slice {
  /** Response time of expected answers. */
  readonly response: Latencies;
  /** How old requests without an answer were at the end, from the intended start. */
  readonly ages: Latencies;
  due = 0;
  sent = 0;
  /** Answers with an unexpected status. */
  unexpected = 0;
  failed = 0;
  checks: CheckCounts = { passed: 0, failed: 0 };

  /** Requests that were sent in this time, whenever they were due. */
  starts = 0;
  /** Answers that ended in this time, of whatever status, whenever they were due. */
  ends = 0;
  /** Bytes of those answers. */
  bytes = 0;
  /** Most open connections at one time. */
  connections = 0;

  constructor(open: OpenLatencies) {
    this.response = open();
    this.ages = open();
  }

  /** Answers with an expected status. */
  get expected(): number {
    return this.response.count;
  }

  get answered(): number {
    return this.expected + this.unexpected;
  }

  get incomplete(): number {
    return this.ages.count;
  }

  countChecks({ passed, failed }: CheckCounts): void {
    this.checks = { passed: this.checks.passed + passed, failed: this.checks.failed + failed };
  }

  /** Adds what happened after this in the same slice. */
  add(other: Slice): void {
    this.response.add(other.response);
    this.ages.add(other.ages);
    for (const key of countsOfSlice) this[key] += other[key];
    this.countChecks(other.checks);
    this.connections = Math.max(this.connections, other.connections);
  }

  /** Adds what happened at the same time in another thread, or on another machine. */
  addParallel(other: Slice): void {
    const connections = this.connections + other.connections;
    this.add(other);
    this.connections = connections;
  }
}

export const countsOfSlice = ['due', 'sent', 'unexpected', 'failed', 'starts', 'ends', 'bytes'] as const;

/** A run in slices of equal length, from its begin to its last event. */
export class Timeline {
  readonly #open: OpenLatencies;
  readonly #slices = new Map<number, Slice>();
  readonly #most: number;
  #sliceMs: number;

  /** @param most slices; what is taken from it at once needs no limit */
  constructor(open: OpenLatencies, sliceMs = firstSliceMs, most = mostSlices) {
    this.#open = open;
    this.#sliceMs = sliceMs;
    this.#most = most;
  }

  /** 1,000, or as many times 2 as the duration needs. */
  get sliceMs(): number {
    return this.#sliceMs;
  }

  /** Those in which something happened, in order of time. */
  get slices(): readonly { readonly startMs: number; readonly slice: Slice }[] {
    return [...this.#slices]
      .sort(([a], [b]) => a - b)
      .map(([place, slice]) => ({ startMs: place * this.#sliceMs, slice }));
  }

  /** The slice of an instant, in milliseconds from the begin of the run. */
  at(ms: number): Slice {
    while (ms >= this.#most * this.#sliceMs) this.#double();
    const place = Math.max(0, Math.floor(ms / this.#sliceMs));
    let slice = this.#slices.get(place);
    if (!slice) this.#slices.set(place, (slice = new Slice(this.#open)));
    return slice;
  }

  /** Takes the slice of an instant out, and forgets those before it. */
  take(ms: number): Slice | undefined {
    const last = Math.floor(ms / this.#sliceMs);
    const slice = this.#slices.get(last);
    for (const place of this.#slices.keys()) if (place <= last) this.#slices.delete(place);
    return slice;
  }

  /** Adds what happened after this in the same thread. */
  add(other: Timeline): void {
    this.atLeast(other.sliceMs);
    for (const { startMs, slice } of other.slices) this.at(startMs).add(slice);
  }

  /**
   * Adds what happened at the same time in another thread, or on another machine.
   * @param laterMs how much later the other one began; a slice goes to the one that has most of it
   */
  addParallel(other: Timeline, laterMs = 0): void {
    const same = new Timeline(this.#open, Math.max(this.#sliceMs, other.sliceMs));
    for (const { startMs, slice } of other.slices) same.at(startMs + laterMs + other.sliceMs / 2).add(slice);
    this.atLeast(same.sliceMs);
    for (const { startMs, slice } of same.slices) this.at(startMs).addParallel(slice);
  }

  /** Makes slices at least so long: `firstSliceMs` times a power of 2. */
  atLeast(sliceMs: number): void {
    while (this.#sliceMs < sliceMs) this.#double();
  }

  #double(): void {
    this.#sliceMs *= 2;
    const before = [...this.#slices].sort(([a], [b]) => a - b);
    this.#slices.clear();
    for (const [place, slice] of before) {
      const joined = this.#slices.get(place >> 1);
      if (joined) joined.add(slice);
      else this.#slices.set(place >> 1, slice);
    }
  }
}
