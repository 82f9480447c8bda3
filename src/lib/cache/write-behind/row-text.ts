import { UserError } from '../../core/errors.js';

/** Columns and their values; or the same as JSON text, of which every digit is kept. */
export type Row = Readonly<Record<string, unknown>> | { readonly json: string };

/**
 * The row as JSON text for PostgreSQL, with the names of its columns. Digits of a bigint are all kept, bytes become `\x…`, a number that JSON cannot
 * express becomes its name in quotes (PostgreSQL reads 'NaN'), and undefined members are left out.
 * @throws UserError when the text is no JSON object, or a value has no JSON form.
 */
export function encodeRow(row: Row): { text: string; columns: string[] } {
  if (isText(row)) return { text: row.json, columns: Object.keys(checkedObject(row.json)) };
  const columns: string[] = [];
  let members = '';
  for (const name in row) {
    const value = (row as Record<string, unknown>)[name];
    if (value === undefined || !Object.hasOwn(row, name)) continue;
    members += `${columns.length === 0 ? '' : ','}${JSON.stringify(name)}:${text(value, name)}`;
    columns.push(name);
  }
  return { text: `{${members}}`, columns };
}

function isText(row: Row): row is { readonly json: string } {
  return typeof row.json === 'string' && Object.keys(row).length === 1;
}

function checkedObject(json: string): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw notAnObject();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAnObject();
  return value;
}

function notAnObject(): UserError {
  return new UserError('a row must be a JSON object', {
    code: 'ROW_INVALID',
    hint: `Its members are columns: {"sensor_id":17,"kwh":0.25}`,
  });
}

function text(value: unknown, column: string): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : `"${value}"`;
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      if (value instanceof Uint8Array) return `"\\\\x${Buffer.from(value).toString('hex')}"`;
      if (Array.isArray(value)) return `[${value.map((item) => text(item ?? null, column)).join(',')}]`;
      if ('toJSON' in value && typeof value.toJSON === 'function') return text(value.toJSON(), column);
      return `{${Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([name, member]) => `${JSON.stringify(name)}:${text(member, column)}`)
        .join(',')}}`;
    default:
      throw new UserError(`column '${column}' holds a ${typeof value}, which no table can store`, {
        code: 'ROW_INVALID',
      });
  }
}
