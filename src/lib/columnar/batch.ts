import { BytesColumn } from './bytes-column.js';
import { FixedColumn } from './fixed-column.js';
import { ListColumn, StructColumn } from './nested-columns.js';
import type { ScalarType, Schema, Type } from './type.js';

export type Column = FixedColumn | BytesColumn | ListColumn | StructColumn;

/** Rows by column: typed arrays, filled by a source and emptied by a writer. It is reused. */
export class Batch {
  rows = 0;
  readonly columns: readonly Column[];

  /** @param capacity most rows */
  constructor(
    readonly schema: Schema,
    readonly capacity: number,
  ) {
    this.columns = schema.map(({ type }) => openColumn(type, capacity));
  }

  /** Bytes of its values. */
  get bytes(): number {
    return this.columns.reduce((sum, { size }) => sum + size, 0);
  }

  clear(): void {
    this.rows = 0;
    for (const column of this.columns) column.clear();
  }
}

/** @param capacity values that it has room for at first; lists make more room for their elements */
export function openColumn(type: Type, capacity: number): Column {
  switch (type.storage) {
    case 'list':
      return new ListColumn(openColumn(type.element, capacity), capacity);
    case 'struct':
      return new StructColumn(type.fields.map((field) => openColumn(field.type, capacity)));
    case 'bytes':
      return new BytesColumn(capacity);
    default:
      return new FixedColumn(widthOf(type), capacity);
  }
}

function widthOf({ storage, width }: ScalarType): number {
  if (storage === 'boolean') return 1;
  if (storage === 'int32' || storage === 'float32') return 4;
  return storage === 'fixed' ? width! : 8;
}
