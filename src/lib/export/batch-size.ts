import type { Schema, Type } from '../columnar/type.js';

/** What a batch of rows may take, whatever they hold: wide rows make small batches. */
export const batchBytes = 32 * 1024 * 1024;
/** Of a batch that is divided among partitions: enough that the loops over columns pay. */
export const dividedRows = 32_768;
/** The maximum of rows in a row group, as DuckDB has it. */
export const defaultRowGroupRows = 122_880;

/** How many rows there is room for from the beginning; the maximum is `most`. */
export function rowsOfBatch(schema: Schema, most: number): number {
  const width = schema.reduce((sum, { type }) => sum + fixedWidth(type), 0);
  return Math.max(1, Math.min(most, Math.floor(batchBytes / width)));
}

/** Bytes of a value that do not depend on it. */
function fixedWidth(type: Type): number {
  if (type.storage === 'struct') return type.fields.reduce((sum, field) => sum + fixedWidth(field.type), 0);
  if (type.storage === 'list') return 4 + fixedWidth(type.element);
  return type.storage === 'fixed' ? type.width! : 8;
}
