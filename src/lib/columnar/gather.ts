import type { Batch, Column } from './batch.js';
import { BytesColumn } from './bytes-column.js';
import { FixedColumn } from './fixed-column.js';
import { ListColumn } from './nested-columns.js';

/** Which value of a column belongs to each row; −1: it is null. Undefined where all rows have one. */
export type Places = Int32Array | undefined;

/** @param rows of the column */
export function placesOf({ presence }: Column, rows: number): Places {
  if (presence.nulls === 0) return undefined;
  const places = new Int32Array(rows);
  let nulls = 0;
  for (let row = 0; row < rows; row++) {
    if (presence.nullRow(nulls) === row) {
      nulls++;
      places[row] = -1;
    } else places[row] = row - nulls;
  }
  return places;
}

/** Of each column of a batch. */
export function placesInBatch({ columns, rows }: Batch): Places[] {
  return columns.map((column) => placesOf(column, rows));
}

/**
 * Adds rows of a batch to another with the same columns, in the order in which they are named.
 * @param places of the source
 */
export function appendRows(target: Batch, source: Batch, places: readonly Places[], rows: Int32Array): void {
  for (const [i, column] of target.columns.entries())
    gather(column, source.columns[i]!, places[i], rows, target.rows);
  target.rows += rows.length;
}

/**
 * Adds rows of one column to another of the same type, in the order in which they are named.
 * @param places of the source
 * @param row of the target that the first of them becomes
 */
export function gather(target: Column, source: Column, places: Places, rows: Int32Array, row: number): void {
  if (!places) return addValues(target, source, rows);
  const values = new Int32Array(rows.length);
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    const place = places[rows[i]!]!;
    if (place < 0) target.presence.addNull(row + i);
    else values[count++] = place;
  }
  addValues(target, source, values.subarray(0, count));
}

function addValues(target: Column, source: Column, values: Int32Array): void {
  if (target instanceof FixedColumn) addFixed(target, source as FixedColumn, values);
  else if (target instanceof BytesColumn) addBytes(target, source as BytesColumn, values);
  else if (target instanceof ListColumn) addLists(target, source as ListColumn, values);
  else {
    const { count } = target;
    target.reserve(count + values.length);
    const from = source as typeof target;
    for (const [i, field] of target.fields.entries())
      gather(field, from.fields[i]!, placesOf(from.fields[i]!, from.count), values, count);
    target.count += values.length;
  }
}

function addFixed(target: FixedColumn, source: FixedColumn, values: Int32Array): void {
  const { width } = target;
  target.reserve(target.count + values.length);
  let { count } = target;
  if (width === 4) for (const value of values) target.int32[count++] = source.int32[value]!;
  else if (width === 8)
    for (const value of values) {
      target.int32[2 * count] = source.int32[2 * value]!;
      target.int32[2 * count++ + 1] = source.int32[2 * value + 1]!;
    }
  else
    for (const value of values)
      target.bytes.set(source.bytes.subarray(value * width, (value + 1) * width), width * count++);
  target.count = count;
}

function addBytes(target: BytesColumn, source: BytesColumn, values: Int32Array): void {
  target.reserve(target.count + values.length);
  const { data, offsets, codes, isPlain } = source;
  for (const value of values) {
    const entry = isPlain ? value : codes[value]!;
    target.add(data, offsets[entry]!, offsets[entry + 1]! - offsets[entry]!);
  }
}

function addLists(target: ListColumn, source: ListColumn, values: Int32Array): void {
  target.reserve(target.count + values.length);
  const before = target.count === 0 ? 0 : target.offsets[target.count]!;
  let length = before;
  for (const value of values) {
    target.offsets[target.count++] = length;
    length += source.offsets[value + 1]! - source.offsets[value]!;
    target.offsets[target.count] = length;
  }
  const elements = new Int32Array(length - before);
  let at = 0;
  for (const value of values)
    for (let i = source.offsets[value]!; i < source.offsets[value + 1]!; i++) elements[at++] = i;
  const total = source.count === 0 ? 0 : source.offsets[source.count]!;
  gather(target.elements, source.elements, placesOf(source.elements, total), elements, before);
}
