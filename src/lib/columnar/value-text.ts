import type { Batch, Column } from './batch.js';
import { BytesColumn } from './bytes-column.js';
import { FixedColumn } from './fixed-column.js';
import type { Type } from './type.js';

/** What a person can look a row up by: the value of its first column. @returns undefined when that is no number or text */
export function keyOf({ schema, columns }: Batch, row: number): string | undefined {
  const [field] = schema;
  const value = field && valueText(columns[0]!, field.type, row);
  return value === undefined ? undefined : `${field!.name} = ${shortened(value)}`;
}

function valueText(column: Column, type: Type, row: number): string | undefined {
  if (column.presence.nullsBetween(row, row + 1).length > 0) return 'null';
  const i = column.presence.valuesBefore(row);
  if (column instanceof BytesColumn) {
    if (type.storage !== 'bytes' || type.meaning.kind !== 'text') return undefined;
    const entry = column.isPlain ? i : column.codes[i]!;
    return column.data.toString('utf8', column.offsets[entry]!, column.offsets[entry + 1]!);
  }
  if (!(column instanceof FixedColumn) || !('meaning' in type) || type.meaning.kind !== 'integer')
    return undefined;
  if (type.storage === 'int32') return `${column.int32[i]}`;
  return `${(BigInt(column.int32[2 * i + 1]!) << 32n) | BigInt(column.int32[2 * i]! >>> 0)}`;
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
