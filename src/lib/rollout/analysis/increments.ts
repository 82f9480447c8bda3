import type { Labels, RawSeries } from '../../clients/prometheus.js';

/** By how much one series grew. */
export interface Increment {
  readonly labels: Labels;
  readonly increase: number;
  /** It has samples since the start. */
  readonly grew: boolean;
}

/** Where a series without a sample just before the start comes from. */
export interface Origins {
  /** The last value before the start; undefined: none. */
  readonly before: (labels: Labels) => number | undefined;
  /** Nothing is known of the time before the start, so that births cannot be told: counts begin with the first sample. */
  readonly forgotten: boolean;
}

interface State {
  readonly labels: Labels;
  /** The newest value, and its time. */
  last: number | undefined;
  lastAt: number;
  /** The first value since the start, of a series that had none just before it. */
  first: number | undefined;
  increase: number;
  grew: boolean;
}

/**
 * Adds up counters from their raw samples since a start, a piece of time after the other. The baseline of a series is its
 * last sample at or before the start; a decrease is a restart, after which the new value is what was counted since. Series
 * of one histogram restart together, so that a bucket which by chance did not decrease is not misread.
 */
export class Increments {
  readonly #groups = new Map<string, Map<string, State>>();
  #newest: number | undefined;
  #gaps = 0;
  #gapMs = 0;

  /** @param since milliseconds since the epoch; @param histogram group series that differ only in `le` */
  constructor(
    private readonly since: number,
    private readonly histogram: boolean,
  ) {}

  /** Nothing matched at all. */
  get empty(): boolean {
    return this.#groups.size === 0;
  }

  /** The time of the newest sample. */
  get newest(): number | undefined {
    return this.#newest;
  }

  /** Mean time between samples; undefined where no series has two. */
  get intervalMs(): number | undefined {
    return this.#gaps === 0 ? undefined : this.#gapMs / this.#gaps;
  }

  /** Whether `finish` needs to know where series come from. */
  get hasBirths(): boolean {
    for (const group of this.#groups.values())
      for (const { first } of group.values()) if (first !== undefined) return true;
    return false;
  }

  add(pieces: readonly RawSeries[]): void {
    const touched = new Map<string, [State, RawSeries][]>();
    for (const piece of pieces) {
      if (piece.times.length === 0) continue;
      const name = this.histogram ? seriesKey(piece.labels, 'le') : seriesKey(piece.labels);
      let group = this.#groups.get(name);
      if (group === undefined) this.#groups.set(name, (group = new Map()));
      const bucket = this.histogram ? (piece.labels.le ?? '') : '';
      let state = group.get(bucket);
      if (state === undefined) {
        state = {
          labels: piece.labels,
          last: undefined,
          lastAt: 0,
          first: undefined,
          increase: 0,
          grew: false,
        };
        group.set(bucket, state);
      }
      const members = touched.get(name);
      if (members === undefined) touched.set(name, [[state, piece]]);
      else members.push([state, piece]);
    }
    for (const members of touched.values()) this.#follow(members);
  }

  /** The increments, once every piece was added. */
  finish({ before, forgotten }: Origins): Increment[] {
    const increments: Increment[] = [];
    for (const group of this.#groups.values()) {
      const origins = [...group.values()].map((state) => ({
        state,
        from: state.first === undefined ? undefined : before(state.labels),
      }));
      const restarted = origins.some(({ state, from }) => from !== undefined && state.first! < from);
      for (const { state, from } of origins) {
        let increase = state.increase;
        if (state.first !== undefined) {
          if (from !== undefined) increase += restarted ? state.first : state.first - from;
          else if (!forgotten) increase += state.first;
        }
        increments.push({ labels: state.labels, increase, grew: state.grew });
      }
    }
    return increments;
  }

  /** Samples of one group in the order of time; those of one scrape carry the same time. */
  #follow(members: readonly [State, RawSeries][]): void {
    const at = members.map(() => 0);
    for (;;) {
      let time = Infinity;
      for (const [i, [, { times }]] of members.entries()) time = Math.min(time, times[at[i]!] ?? Infinity);
      if (time === Infinity) return;
      const scraped: [State, number][] = [];
      for (const [i, [state, { times, values }]] of members.entries()) {
        if (times[at[i]!] !== time) continue;
        const value = values[at[i]!]!;
        at[i]! += 1;
        // No counter has such a value; the next sample continues from the last good one.
        if (Number.isFinite(value)) scraped.push([state, value]);
      }
      this.#scrape(scraped, time);
    }
  }

  #scrape(scraped: readonly [State, number][], time: number): void {
    const restarted = scraped.some(([{ last }, value]) => last !== undefined && value < last);
    for (const [state, value] of scraped) {
      if (state.last !== undefined) {
        this.#gaps += 1;
        this.#gapMs += time - state.lastAt;
      }
      if (time > this.since) {
        state.grew = true;
        if (state.last === undefined) state.first = value;
        else state.increase += restarted ? value : value - state.last;
      }
      state.last = value;
      state.lastAt = time;
    }
    if (scraped.length > 0 && time > (this.#newest ?? -Infinity)) this.#newest = time;
  }
}

/** A series' identity, without the labels named. */
export function seriesKey(labels: Labels, ...without: string[]): string {
  return JSON.stringify(
    Object.entries(labels)
      .filter(([name]) => !without.includes(name))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
