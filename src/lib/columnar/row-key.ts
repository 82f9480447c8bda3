import type { Batch } from './batch.js';
import { cellText } from './cell-json.js';
import { cellsOf } from './cells.js';

const longest = 60;

/**
 * What a person can look a row up by: the value of its first column.
 * @returns undefined where that is a list or a record, or is still to come
 */
export function keyOf({ schema, columns }: Batch, row: number): string | undefined {
  const [field] = schema;
  const [column] = columns;
  if (!field || !column || !('meaning' in field.type)) return undefined;
  const isNull = column.presence.nullsBetween(row, row + 1).length > 0;
  if (!isNull && column.presence.valuesBefore(row) >= column.count) return undefined;
  const text = isNull ? 'null' : cellText(cellsOf(column, field.type, row + 1)(row), field.type);
  return `${field.name} = ${text.length > longest ? `${text.slice(0, longest)}…` : text}`;
}
