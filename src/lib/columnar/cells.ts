import type { Column } from './batch.js';
import { BytesColumn } from './bytes-column.js';
import { unitsAt } from './decimal.js';
import type { FixedColumn } from './fixed-column.js';
import { placesOf } from './gather.js';
import type { ListColumn, StructColumn } from './nested-columns.js';
import { dateText, decimalText, timestampText, timeText, uuidText } from './scalar-text.js';
import { microsOf96 } from './timestamp96.js';
import type { ScalarType, Type } from './type.js';

/**
 * A value as JavaScript has it. Whole numbers of 64 bits are big integers; decimals, dates, times and uuids are texts in
 * PostgreSQL's form, so that nothing is lost.
 */
export type Cell =
  null | boolean | number | bigint | string | Buffer | readonly Cell[] | { readonly [field: string]: Cell };

/** Gives the values of a column by row. @param rows of the column */
export function cellsOf(column: Column, type: Type, rows: number): (row: number) => Cell {
  const places = placesOf(column, rows);
  const value = valuesOf(column, type);
  if (!places) return value;
  return (row) => {
    const place = places[row]!;
    return place < 0 ? null : value(place);
  };
}

function valuesOf(column: Column, type: Type): (i: number) => Cell {
  if (type.storage === 'list') {
    const { elements, offsets, count } = column as ListColumn;
    const element = cellsOf(elements, type.element, count === 0 ? 0 : offsets[count]!);
    return (i) => Array.from({ length: offsets[i + 1]! - offsets[i]! }, (_, k) => element(offsets[i]! + k));
  }
  if (type.storage === 'struct') {
    const { fields, count } = column as StructColumn;
    const parts = type.fields.map(
      ({ name, type: part }, k) => [name, cellsOf(fields[k]!, part, count)] as const,
    );
    return (i) => Object.fromEntries(parts.map(([name, cell]) => [name, cell(i)]));
  }
  return column instanceof BytesColumn ? bytesOf(column, type) : fixedOf(column as FixedColumn, type);
}

function bytesOf(
  { data, offsets, codes, isPlain }: BytesColumn,
  { meaning }: ScalarType,
): (i: number) => Cell {
  return (i) => {
    const entry = isPlain ? i : codes[i]!;
    const [start, end] = [offsets[entry]!, offsets[entry + 1]!];
    return meaning.kind === 'plain'
      ? Buffer.from(data.subarray(start, end))
      : data.toString('utf8', start, end);
  };
}

function fixedOf(column: FixedColumn, type: ScalarType): (i: number) => Cell {
  const { storage, width, meaning } = type;
  const { bytes, int32, float32, float64 } = column;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const long = (i: number) => all.readBigInt64LE(8 * i);
  const part = (i: number) => all.subarray(i * width!, (i + 1) * width!);
  switch (meaning.kind) {
    case 'date':
      return (i) => dateText(int32[i]!);
    case 'time':
      return (i) => timeText(long(i));
    case 'timestamp':
      return (i) => timestampText(long(i), meaning.isInstant);
    case 'timestamp96':
      return (i) => timestampText(microsOf96(part(i)), meaning.isInstant);
    case 'uuid':
      return (i) => uuidText(part(i));
    case 'decimal':
      return (i) => decimalText(unitsAt(type, all, i), meaning.scale);
    case 'integer':
    case 'plain':
    case 'text':
    case 'json':
      break;
  }
  switch (storage) {
    case 'boolean':
      return (i) => bytes[i] !== 0;
    case 'int32':
      return (i) => int32[i]!;
    case 'int64':
      return long;
    case 'float32':
      return (i) => float32[i]!;
    case 'float64':
      return (i) => float64[i]!;
    default:
      return (i) => Buffer.from(part(i));
  }
}
