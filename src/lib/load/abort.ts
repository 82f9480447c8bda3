import type { Filter } from './accounts.js';
import { judge } from './judge.js';
import type { OnSlice } from './so-far.js';
import type { OpenLatencies } from './tally.js';
import type { Threshold } from './threshold.js';

/** Ends a run when one of its thresholds that say `abort` fails. */
export class AbortOnFailure {
  /** What the plan has to watch for it. */
  readonly watch: readonly Filter[];
  readonly #aborting: readonly Threshold[];
  readonly #open: OpenLatencies;
  readonly #stop = new AbortController();
  /** The threshold that has failed. */
  abortedBy: string | undefined;

  constructor(thresholds: readonly Threshold[], open: OpenLatencies) {
    this.#aborting = thresholds.filter(({ abortAfterMs }) => abortAfterMs !== undefined);
    const filters = this.#aborting.map(({ filter }) => requestsOf(filter));
    this.watch = [...new Map(filters.map((filter) => [keyOf(filter), filter])).values()];
    this.#open = open;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  readonly onSlice: OnSlice = (_, soFar) => {
    if (this.#aborting.length === 0 || this.signal.aborted) return;
    const { elapsedMs, watched } = soFar;
    const due = this.#aborting.filter(({ abortAfterMs }) => elapsedMs >= abortAfterMs!);
    const places = new Map(this.watch.map((filter, i) => [keyOf(filter), i]));
    for (const threshold of due) {
      const { verdict } = judge(threshold, {
        open: this.#open,
        tallyOf: (filter) => watched[places.get(keyOf(filter)) ?? -1],
        whyNone: () => ({ isMissing: true, shown: '' }),
        seconds: elapsedMs / 1000,
        unsent: soFar.timeline.slices.reduce((sum, { slice }) => sum + slice.due - slice.sent, 0),
        isPartial: false,
      });
      if (verdict !== 'failed') continue;
      this.abortedBy = threshold.expression;
      this.#stop.abort();
      return;
    }
  };
}

/** Checks and kinds are told apart within the counts of requests. */
function requestsOf({ check: _check, kind: _kind, ...requests }: Filter): Filter {
  return requests;
}

function keyOf(filter: Filter): string {
  return JSON.stringify(Object.entries(filter).sort());
}
