import { openColumn } from './batch.js';
import { BytesColumn } from './bytes-column.js';
import { cellText } from './cell-json.js';
import { cellsOf } from './cells.js';
import { FixedColumn } from './fixed-column.js';
import type { ScalarType } from './type.js';

/** A value in the form of PLAIN, as text. */
export function plainText(bytes: Uint8Array, type: ScalarType): string {
  const column = openColumn(type, 1);
  if (column instanceof BytesColumn) column.add(bytes, 0, bytes.length);
  else if (column instanceof FixedColumn) {
    column.bytes.set(bytes);
    column.count = 1;
  }
  return cellText(cellsOf(column, type, 1)(0), type);
}
