/** Most columns of most batches have no null. */
const none = new Int32Array(0);

/** Which rows of a column have no value. Few do in most columns, so that only those are kept, in ascending order. */
export class Presence {
  /** So many rows are null. */
  nulls = 0;
  #rows = none;

  addNull(row: number): void {
    if (this.nulls === this.#rows.length) {
      const more = new Int32Array(Math.max(64, 2 * this.nulls));
      more.set(this.#rows);
      this.#rows = more;
    }
    this.#rows[this.nulls++] = row;
  }

  clear(): void {
    this.nulls = 0;
  }

  /** The i-th row without a value. */
  nullRow(i: number): number | undefined {
    return i < this.nulls ? this.#rows[i] : undefined;
  }

  /** The rows without a value from `from` on, before `to`. */
  nullsBetween(from: number, to: number): Int32Array {
    return this.#rows.subarray(this.#before(from), this.#before(to));
  }

  /** How many rows before this one have no value. */
  #before(row: number): number {
    let [low, high] = [0, this.nulls];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#rows[middle]! < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many values the rows before this one have. */
  valuesBefore(row: number): number {
    return row - this.#before(row);
  }
}
