import type { Batch } from '../../columnar/batch.js';
import type { Presence } from '../../columnar/presence.js';
import { type Hashes, hashesOf, rowHashes } from '../../columnar/row-hash.js';

/** Sums, so that the order of the rows does not matter. */
interface HashSum {
  one: number;
  other: number;
}

/** What rows are, whatever their order is. */
export class Digest {
  rows = 0;
  readonly #sum: HashSum = { one: 0, other: 0 };
  readonly #columns: (HashSum & { nulls: number })[];

  constructor(columns: number) {
    this.#columns = Array.from({ length: columns }, () => ({ one: 0, other: 0, nulls: 0 }));
  }

  /** @param rows of the batch; undefined: all */
  add(batch: HashedBatch, rows: Int32Array | undefined): void {
    this.rows += rows?.length ?? batch.rows;
    add(this.#sum, batch.hashes, rows);
    for (const [i, sum] of this.#columns.entries()) {
      add(sum, batch.columns[i]!, rows);
      sum.nulls += batch.nulls(i, rows);
    }
  }

  isEqual(other: Digest): boolean {
    return this.rows === other.rows && isSame(this.#sum, other.#sum);
  }

  nulls(column: number): number {
    return this.#columns[column]!.nulls;
  }

  /** Columns whose values are others, or as often. */
  differing(other: Digest): number[] {
    return this.#columns.flatMap((sum, i) => (isSame(sum, other.#columns[i]!) ? [] : [i]));
  }
}

/** Of partitions, by their folders. */
export type Digests = Map<string, Digest>;

/** The digest of a partition, empty at first. */
export function digestIn(digests: Digests, folder: string, columns: number): Digest {
  let digest = digests.get(folder);
  if (!digest) digests.set(folder, (digest = new Digest(columns)));
  return digest;
}

/** Of a value that no file can hold, which stands in the batch as null. */
const refusedHash = 0x72656675;

/** Some columns of a batch, with the hashes of their values and rows. */
export class HashedBatch {
  readonly rows: number;
  readonly columns: readonly Hashes[];
  readonly hashes: Hashes;
  readonly #presences: readonly Presence[];

  /**
   * @param columns their numbers
   * @param refused rows with values that no file can hold, by the name of the column
   */
  constructor(
    { schema, columns: all, rows }: Batch,
    columns: readonly number[],
    refused: ReadonlyMap<string, readonly number[]> = new Map(),
  ) {
    this.rows = rows;
    this.columns = columns.map((i) => hashesOf(all[i]!, schema[i]!.type, rows));
    for (const [i, { one, other }] of this.columns.entries())
      for (const row of refused.get(schema[columns[i]!]!.name) ?? []) {
        one[row] = refusedHash;
        other[row] = ~refusedHash;
      }
    this.hashes = rowHashes(this.columns, rows);
    this.#presences = columns.map((i) => all[i]!.presence);
  }

  nulls(column: number, rows: Int32Array | undefined): number {
    const presence = this.#presences[column]!;
    if (!rows || presence.nulls === 0) return presence.nulls;
    let count = 0;
    for (const row of rows) count += presence.valuesBefore(row) === presence.valuesBefore(row + 1) ? 1 : 0;
    return count;
  }
}

function add(sum: HashSum, { one, other }: Hashes, rows: Int32Array | undefined): void {
  if (rows)
    for (const row of rows) {
      sum.one = (sum.one + one[row]!) | 0;
      sum.other = (sum.other + other[row]!) | 0;
    }
  else
    for (let row = 0; row < one.length; row++) {
      sum.one = (sum.one + one[row]!) | 0;
      sum.other = (sum.other + other[row]!) | 0;
    }
}

function isSame(a: HashSum, b: HashSum): boolean {
  return a.one === b.one && a.other === b.other;
}
