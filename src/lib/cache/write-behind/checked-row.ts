import { toBytes, type ByteString } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { encodeRow } from './row-text.js';
import { type Operation, operations, type RowTarget, type Tables } from './types.js';

/** The row as it is queued. @throws UserError when the worker could only fail with it. */
export function checkedRow(tables: Tables, { table, row }: RowTarget, operation: Operation): ByteString {
  const { key } = tableOf(tables, table);
  if (!operations.includes(operation))
    throw new UserError(`'${String(operation)}' is no operation`, {
      code: 'OPERATION_UNKNOWN',
      hint: `Use one of ${operations.join(', ')}.`,
    });
  const { text, columns } = encodeRow(row);
  if (columns.length === 0) throw new UserError(`a row for ${table} has no column`, { code: 'ROW_INVALID' });
  const missing = operation === 'insert' ? [] : key.filter((column) => !columns.includes(column));
  if (missing.length > 0)
    throw new UserError(`a row to ${operation} in ${table} lacks its key: ${missing.join(', ')}`, {
      code: 'KEY_MISSING',
      hint: `cache.writeBehind.tables says that ${key.join(', ')} is the key of ${table}.`,
    });
  if (operation === 'update' && columns.every((column) => key.includes(column)))
    throw new UserError(`a row to update in ${table} has nothing beside its key`, { code: 'ROW_INVALID' });
  return toBytes(text);
}

/** @throws UserError when the configuration does not name the table. */
export function tableOf(tables: Tables, table: string): { readonly key: readonly string[] } {
  const settings = Object.hasOwn(tables, table) ? tables[table] : undefined;
  if (settings) return settings;
  const names = Object.keys(tables);
  throw new UserError(`write-behind knows no table '${table}'`, {
    code: 'TABLE_UNKNOWN',
    hint:
      names.length === 0
        ? `Name it in the configuration: cache: { writeBehind: { tables: { ${table}: { key: [id] } } } }`
        : `The configuration names ${names.join(', ')}.`,
  });
}
