import type { Column } from '../batch.js';
import { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';
import type { Type } from '../type.js';
import type { ValueBounds } from '../where/value-bounds.js';
import { readBounds } from './bounds.js';

/** What all rows of a file have in a column: a value in the form of PLAIN, or null. */
export type Constant = Buffer | null;

export function constantBounds(constant: Constant, type: Type): ValueBounds {
  const value = constant ?? undefined;
  const { min, max } = 'meaning' in type ? readBounds(type, value, value) : {};
  return { hasNulls: constant === null, hasValues: constant !== null, min, max, mayHaveNaN: false };
}

/** Adds it to an empty column for each of some rows. */
export function fillConstant(column: Column, constant: Constant, rows: number): void {
  if (constant === null) for (let row = 0; row < rows; row++) column.presence.addNull(row);
  else {
    column.reserve(rows);
    if (column instanceof BytesColumn)
      for (let row = 0; row < rows; row++) column.add(constant, 0, constant.length);
    else {
      const { bytes } = column as FixedColumn;
      for (let row = 0; row < rows; row++) bytes.set(constant, row * constant.length);
      column.count = rows;
    }
  }
}
