import type { Batch } from '../columnar/batch.js';
import type { BytesColumn } from '../columnar/bytes-column.js';
import { placesOf } from '../columnar/gather.js';

/** Rows of a batch that belong to one partition. */
export interface PartitionRows {
  readonly values: readonly (string | null)[];
  /** Ascending. */
  readonly rows: Int32Array;
}

/** Divides a batch by its last `count` columns, which are text. Without any it is one partition. */
export function divide(batch: Batch, count: number): PartitionRows[] {
  const columns = batch.columns.slice(batch.columns.length - count) as BytesColumn[];
  // Of each row, a number for its values so far.
  let groups = new Int32Array(batch.rows);
  let found: (string | null)[][] = [[]];
  for (const column of columns) {
    const entries = entriesByRow(column, batch.rows);
    const numbers = new Map<number, number>();
    const values: (string | null)[][] = [];
    const next = new Int32Array(batch.rows);
    // An entry more than there are stands for null.
    const width = column.entries + 1;
    for (let row = 0; row < batch.rows; row++) {
      const entry = entries[row]!;
      const key = groups[row]! * width + entry;
      let number = numbers.get(key);
      if (number === undefined) {
        numbers.set(key, (number = values.length));
        values.push([...found[groups[row]!]!, entry === column.entries ? null : textOf(column, entry)]);
      }
      next[row] = number;
    }
    // Two plain entries may be the same text.
    [groups, found] = column.isPlain ? merged(next, values) : [next, values];
  }
  return collect(groups, found);
}

function textOf({ data, offsets }: BytesColumn, entry: number): string {
  return data.toString('utf8', offsets[entry], offsets[entry + 1]);
}

/** The entry of each row; `column.entries` where it is null. */
function entriesByRow(column: BytesColumn, rows: number): Int32Array {
  const { codes, isPlain, entries } = column;
  const places = placesOf(column, rows);
  const out = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const place = places ? places[row]! : row;
    out[row] = place < 0 ? entries : isPlain ? place : codes[place]!;
  }
  return out;
}

function merged(
  groups: Int32Array<ArrayBuffer>,
  found: (string | null)[][],
): [Int32Array<ArrayBuffer>, (string | null)[][]] {
  const numbers = new Map<string, number>();
  const values: (string | null)[][] = [];
  const renamed = found.map((each) => {
    const key = JSON.stringify(each);
    let number = numbers.get(key);
    if (number === undefined) {
      numbers.set(key, (number = values.length));
      values.push(each);
    }
    return number;
  });
  return [groups.map((group) => renamed[group]!), values];
}

function collect(groups: Int32Array, found: readonly (readonly (string | null)[])[]): PartitionRows[] {
  const counts = new Int32Array(found.length);
  for (const group of groups) counts[group]!++;
  const rows = Array.from(counts, (count) => new Int32Array(count));
  counts.fill(0);
  for (let row = 0; row < groups.length; row++) rows[groups[row]!]![counts[groups[row]!]!++] = row;
  return found.map((values, i) => ({ values, rows: rows[i]! }));
}
