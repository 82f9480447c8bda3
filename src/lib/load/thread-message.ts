import type { Progress } from './accounts.js';
import type { PackedLatencies, PackedNameTally, PackedTally, PackedTimeline } from './packed-tally.js';

/** What a thread tells several times a second, and once more at its end. */
export interface ThreadReport {
  /** Milliseconds since the begin of the run; infinite at the end. */
  readonly elapsedMs: number;
  readonly progress: Progress;
  /** What happened since the last report. */
  readonly recent: PackedTimeline<PackedLatencies>;
  /** Of the job's `watch`, in its order: all counts so far. */
  readonly watched: readonly PackedNameTally<PackedLatencies>[];
}

/** What a thread says to the main one: that it could start, reports, and at the end its tally. */
export type ThreadMessage =
  { readonly isReady: true } | { readonly report: ThreadReport } | { readonly tally: PackedTally };

/** What it is told: when the run begins, in milliseconds since the epoch; and to stop. */
export type ThreadOrder = { readonly origin: number } | 'stop';
