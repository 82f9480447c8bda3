import type { Progress } from './accounts.js';
import { addFromThread, timelineFromThread } from './packed-tally.js';
import { NameTally, type OpenLatencies } from './tally.js';
import type { ThreadReport } from './thread-message.js';
import { firstSliceMs, Slice, Timeline } from './timeline.js';

/** A second of a run that is over. Requests that were due in it may still be under way. */
export interface LiveSlice {
  /** Milliseconds from the begin of the run. */
  readonly startMs: number;
  readonly lengthMs: number;
  readonly slice: Slice;
}

/** Told each second of the run, once, in order. */
export type OnSlice = (second: LiveSlice, soFar: SoFar) => void;

/** What the threads have told so far; of threads that died nothing. */
export class SoFar {
  readonly #open: OpenLatencies;
  readonly #onSlice: OnSlice;
  readonly #threads = new Map<number, Thread>();
  /** Of the next second that is told. */
  #nextMs = 0;
  #lastMs = 0;

  constructor(threads: number, open: OpenLatencies, onSlice: OnSlice) {
    this.#open = open;
    this.#onSlice = onSlice;
    for (let thread = 0; thread < threads; thread++)
      this.#threads.set(thread, {
        report: undefined,
        timeline: new Timeline(open),
        seconds: new Timeline(open, firstSliceMs, Infinity),
      });
  }

  /** Milliseconds from the begin of the run, in whole seconds. */
  get elapsedMs(): number {
    return this.#nextMs;
  }

  get progress(): Progress {
    const sum = { answered: 0, failed: 0, sent: 0 };
    for (const { report } of this.#threads.values())
      if (report) for (const key of ['answered', 'failed', 'sent'] as const) sum[key] += report.progress[key];
    return sum;
  }

  /** A new one each time. */
  get timeline(): Timeline {
    const all = new Timeline(this.#open);
    for (const { timeline } of this.#threads.values()) all.addParallel(timeline);
    return all;
  }

  /** Counts of what the plan watches, in its order; new ones each time. */
  get watched(): readonly NameTally[] {
    const all: NameTally[] = [];
    for (const { report } of this.#threads.values())
      report?.watched.forEach((packed, i) => addFromThread((all[i] ??= new NameTally(this.#open)), packed));
    return all;
  }

  take(thread: number, report: ThreadReport): void {
    const known = this.#threads.get(thread);
    if (!known) return;
    known.report = report;
    const recent = timelineFromThread(report.recent, this.#open);
    known.timeline.add(recent);
    known.seconds.add(recent);
    for (const { startMs } of recent.slices) this.#lastMs = Math.max(this.#lastMs, startMs);
    this.#tell();
  }

  lose(thread: number): void {
    this.#threads.delete(thread);
    this.#tell();
  }

  #tell(): void {
    const threads = [...this.#threads.values()];
    if (threads.length === 0) return;
    const known = Math.min(...threads.map(({ report }) => report?.elapsedMs ?? 0));
    for (; this.#nextMs + firstSliceMs <= known && this.#nextMs <= this.#lastMs;) {
      const startMs = this.#nextMs;
      const slice = new Slice(this.#open);
      for (const { seconds } of threads) {
        const part = seconds.take(startMs);
        if (part) slice.addParallel(part);
      }
      this.#nextMs += firstSliceMs;
      this.#onSlice({ startMs, lengthMs: firstSliceMs, slice }, this);
    }
  }
}

interface Thread {
  report: ThreadReport | undefined;
  readonly timeline: Timeline;
  readonly seconds: Timeline;
}
