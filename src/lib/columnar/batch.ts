import { BytesColumn } from './bytes-column.js';
import { FixedColumn } from './fixed-column.js';
import type { Field, Schema } from './type.js';

export type BatchColumn = FixedColumn | BytesColumn;

/** Rows by column: typed arrays, filled by a source and emptied by a writer. Reused again and again. */
export class Batch {
  rows = 0;
  readonly columns: readonly BatchColumn[];

  /** @param capacity most rows */
  constructor(
    readonly schema: Schema,
    readonly capacity: number,
  ) {
    this.columns = schema.map((field) =>
      field.storage === 'bytes' ? new BytesColumn(capacity) : new FixedColumn(widthOf(field), capacity),
    );
  }

  clear(): void {
    this.rows = 0;
    for (const column of this.columns) column.clear();
  }
}

function widthOf({ storage, width }: Field): number {
  if (storage === 'boolean') return 1;
  if (storage === 'int32' || storage === 'float32') return 4;
  return storage === 'fixed' ? width! : 8;
}
