import { UserError } from '../core/errors.js';

/** @throws UserError `COLUMN_MISSING`, naming the columns there are. */
export function columnMissing(name: string, columns: readonly string[], label: string): UserError {
  return new UserError(`${label} has no column '${name}'`, {
    code: 'COLUMN_MISSING',
    hint: `It has: ${columns.join(', ')}.`,
  });
}

/** @throws UserError `COLUMN_MISSING` */
export function columnIndex(name: string, columns: readonly string[], label: string): number {
  const index = columns.indexOf(name);
  if (index < 0) throw columnMissing(name, columns, label);
  return index;
}

/** @throws UserError `COLUMN_DUPLICATE`: which of the two would be meant is anyone's guess. */
export function refuseDuplicates(columns: readonly string[], label: string, hint: string): void {
  const seen = new Set<string>();
  for (const name of columns) {
    if (seen.has(name))
      throw new UserError(`${label} has two columns named '${name}'`, { code: 'COLUMN_DUPLICATE', hint });
    seen.add(name);
  }
}
