import { openColumn } from './batch.js';
import { BytesColumn } from './bytes-column.js';
import { cellText } from './cell-json.js';
import { cellsOf } from './cells.js';
import { FixedColumn } from './fixed-column.js';
import { appendValue } from './rows/append.js';
import type { ScalarType } from './type.js';

/* Values in the form of PLAIN, as files have them in bounds, and their texts. */

export function plainText(bytes: Uint8Array, type: ScalarType): string {
  const column = openColumn(type, 1);
  if (column instanceof BytesColumn) column.add(bytes, 0, bytes.length);
  else if (column instanceof FixedColumn) {
    column.bytes.set(bytes);
    column.count = 1;
  }
  return cellText(cellsOf(column, type, 1)(0), type);
}

/** The value that a text names. @throws ValueUnfit */
export function plainValue(text: string, type: ScalarType): Buffer {
  if (type.storage === 'bytes' && type.meaning.kind === 'text') return Buffer.from(text);
  const column = openColumn(type, 1);
  appendValue(column, type, text);
  if (column instanceof BytesColumn) return Buffer.from(column.data.subarray(0, column.length));
  const { bytes, width } = column as FixedColumn;
  return Buffer.from(bytes.subarray(0, width));
}
