import type { Batch } from '../batch.js';
import type { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';
import type { Predicate } from './predicate.js';

/** What a condition is of a row. */
const truth = { false: 0, true: 1, unknown: 2 } as const;
type Truths = Uint8Array<ArrayBuffer>;

/** The rows of a batch of which a condition is true, ascending. */
export function matchingRows(predicate: Predicate, batch: Batch): Int32Array {
  const truths = evaluate(predicate, batch);
  const rows = new Int32Array(batch.rows);
  let count = 0;
  for (let row = 0; row < batch.rows; row++) if (truths[row] === truth.true) rows[count++] = row;
  return rows.subarray(0, count);
}

function evaluate(predicate: Predicate, batch: Batch): Truths {
  switch (predicate.kind) {
    case 'unknown':
      return new Uint8Array(batch.rows).fill(truth.unknown);
    case 'not':
      return evaluate(predicate.part, batch).map((each) => (each === truth.unknown ? each : 1 - each));
    case 'and':
      return combined(predicate.parts, batch, truth.false);
    case 'or':
      return combined(predicate.parts, batch, truth.true);
    case 'is null': {
      const out = new Uint8Array(batch.rows);
      const { presence } = batch.columns[predicate.column]!;
      for (const row of presence.nullsBetween(0, batch.rows)) out[row] = truth.true;
      return out;
    }
    case 'test': {
      const column = batch.columns[predicate.column] as FixedColumn | BytesColumn;
      const values = new Uint8Array(column.count);
      predicate.test.run(column, values);
      return withNulls(values, column, batch.rows);
    }
  }
}

/** @param decisive a part that is so decides it, whatever the others are */
function combined(parts: readonly Predicate[], batch: Batch, decisive: 0 | 1): Truths {
  const out = new Uint8Array(batch.rows).fill(1 - decisive);
  for (const part of parts) {
    const truths = evaluate(part, batch);
    for (let row = 0; row < out.length; row++) {
      if (out[row] === decisive || truths[row] === 1 - decisive) continue;
      out[row] = truths[row]!;
    }
  }
  return out;
}

function withNulls(values: Truths, { presence, count }: FixedColumn | BytesColumn, rows: number): Truths {
  if (count === rows) return values;
  const out = new Uint8Array(rows);
  let nulls = 0;
  for (let row = 0; row < rows; row++) {
    if (presence.nullRow(nulls) === row) {
      nulls++;
      out[row] = truth.unknown;
    } else out[row] = values[row - nulls]!;
  }
  return out;
}
