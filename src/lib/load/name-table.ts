import { fnv1a } from '../core/fnv1a.js';
import { NameTally, type OpenLatencies } from './tally.js';

/** As many names have a row. */
export const mostNames = 1000;

/** Tallies by name, and of all names that have no row. */
export interface Rows {
  readonly rows: Iterable<readonly [string, NameTally]>;
  readonly other: NameTally | undefined;
}

/**
 * Tallies by name, of the names with the smallest hashes; all others together are `other`. A name that is put there never
 * had, or loses, its own row for good, in whatever order and thread the requests come. So rows of several threads and
 * machines add up exactly: a row that is left was never put into `other` by any of them.
 */
export class NameTable implements Rows {
  readonly #open: OpenLatencies;
  readonly #pinned: ReadonlySet<string>;
  readonly #most: number;
  readonly #rows = new Map<string, NameTally>();
  #other: NameTally | undefined;
  /** Names of rows that may go, in the order of their hashes. */
  readonly #ranked: string[] = [];

  /** @param pinned names that always have a row, since thresholds speak of them */
  constructor(open: OpenLatencies, pinned: readonly string[] = [], most = mostNames) {
    this.#open = open;
    this.#pinned = new Set(pinned);
    this.#most = most;
  }

  get rows(): ReadonlyMap<string, NameTally> {
    return this.#rows;
  }

  /** All requests whose names have no row; undefined without any. */
  get other(): NameTally | undefined {
    return this.#other;
  }

  /** Where requests of this name are counted from now on. */
  tallyOf(name: string, tags?: Readonly<Record<string, string>>): NameTally {
    const row = this.#rows.get(name);
    if (row) return row;
    const isPinned = this.#pinned.has(name);
    const isFull = this.#ranked.length === this.#most;
    if (!isPinned && isFull && !comesBefore(name, this.#ranked.at(-1)!)) return this.#others();
    const tally = new NameTally(this.#open, tags);
    this.#rows.set(name, tally);
    if (!isPinned) this.#rank(name);
    return tally;
  }

  /** Adds what another thread or machine counted. */
  add({ rows, other }: Rows): void {
    for (const [name, tally] of rows) this.tallyOf(name, tally.tags).add(tally);
    if (other) this.#others().add(other);
  }

  /** All names together. */
  total(): NameTally {
    const total = new NameTally(this.#open);
    for (const tally of this.#rows.values()) total.add(tally);
    if (this.#other) total.add(this.#other);
    return total;
  }

  /** Gives a name its place, and the last one's row up where there are too many. */
  #rank(name: string): void {
    const place = this.#ranked.findIndex((other) => comesBefore(name, other));
    this.#ranked.splice(place < 0 ? this.#ranked.length : place, 0, name);
    if (this.#ranked.length <= this.#most) return;
    const gone = this.#ranked.pop()!;
    this.#others().add(this.#rows.get(gone)!);
    this.#rows.delete(gone);
  }

  #others(): NameTally {
    return (this.#other ??= new NameTally(this.#open));
  }
}

function comesBefore(a: string, b: string): boolean {
  const [x, y] = [fnv1a(a) >>> 0, fnv1a(b) >>> 0];
  return x < y || (x === y && a < b);
}
