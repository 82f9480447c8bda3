import type { ByteString } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { readKey } from '../key-text.js';
import { refuseOwnKey } from '../own-keys.js';
import type { RowSource } from '../../sources/row-source.js';

type Part = { literal: ByteString } | { column: string };

/**
 * Reads a key template: `meter:{meter_id}:latest`. Braces that are meant as such, for the hash tags of a cluster,
 * are doubled: `{{{meter_id}}}:latest`. What is around the columns is the text of a key.
 * @throws UserError exit 2; ServiceConflict when every key would be one of metrify's own.
 */
export function parseKeyTemplate(template: string): Part[] {
  const parts: Part[] = [];
  let literal = '';
  for (let i = 0; i < template.length; i++) {
    const char = template[i]!;
    if ((char === '{' || char === '}') && template[i + 1] === char) {
      literal += char;
      i++;
    } else if (char === '{') {
      const end = template.indexOf('}', i);
      const column = end < 0 ? '' : template.slice(i + 1, end).trim();
      if (column === '')
        throw new UserError(`the key template '${template}' has a '{' without a column`, {
          code: 'KEY_TEMPLATE',
          hint: "Write it like 'meter:{meter_id}:latest'; a brace itself is doubled: '{{'.",
        });
      if (literal) parts.push({ literal: readKey(literal) });
      literal = '';
      parts.push({ column });
      i = end;
    } else if (char === '}') {
      throw new UserError(`the key template '${template}' has a '}' too many`, {
        code: 'KEY_TEMPLATE',
        hint: "Write it like 'meter:{meter_id}:latest'; a brace itself is doubled: '}}'.",
      });
    } else {
      literal += char;
    }
  }
  if (literal) parts.push({ literal: readKey(literal) });
  if (!parts.some((part) => 'column' in part))
    throw new UserError(`the key template '${template}' names no column: every row would get the same key`, {
      code: 'KEY_TEMPLATE',
      hint: "Write it like 'meter:{meter_id}:latest'.",
    });
  const [first] = parts;
  if (first && 'literal' in first) refuseOwnKey(first.literal);
  return parts;
}

/**
 * A function from a row to its key; `null` when a column of the key is null or empty.
 * @throws UserError exit 2 when the source has no such column.
 */
export function compileKey<Row>(template: string, source: RowSource<Row>): (row: Row) => ByteString | null {
  const parts = parseKeyTemplate(template).map((part) =>
    'literal' in part ? part.literal : source.column(part.column),
  );
  return (row) => {
    let key = '';
    for (const part of parts) {
      if (typeof part === 'string') {
        key += part;
        continue;
      }
      const value = part(row);
      if (value === null || value === '') return null;
      key += value;
    }
    return key as ByteString;
  };
}
