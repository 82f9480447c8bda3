import type { Cell } from './cells.js';
import { float32Text } from './scalar-text.js';
import type { Type } from './type.js';

/**
 * A value as JSON, as PostgreSQL makes it: all digits of numbers are kept, bytes are text such as `\x00ff`, documents of JSON stand
 * as they are. What JSON has no number for is text: `"NaN"`.
 * @param isRounded whether its reader rounds numbers to those of 64 bits: then others are text
 */
export function cellJson(cell: Cell, type: Type, isRounded = false): string {
  if (cell === null) return 'null';
  if (type.storage === 'list')
    return `[${(cell as readonly Cell[]).map((each) => cellJson(each, type.element, isRounded)).join(',')}]`;
  if (type.storage === 'struct') {
    const parts = cell as { readonly [field: string]: Cell };
    return `{${type.fields.map((field) => `${JSON.stringify(field.name)}:${cellJson(parts[field.name]!, field.type, isRounded)}`).join(',')}}`;
  }
  if (typeof cell === 'number') return numberJson(cell, type.storage === 'float32');
  if (typeof cell === 'bigint') return exactJson(String(cell), isRounded);
  if (type.meaning.kind === 'decimal') return exactJson(cell as string, isRounded);
  if (type.meaning.kind === 'json') return document(cell as string);
  if (typeof cell === 'boolean') return String(cell);
  return JSON.stringify(cellText(cell, type));
}

/** A value as text in a table. */
export function cellText(cell: Cell, type: Type): string {
  if (cell === null) return '';
  if (Buffer.isBuffer(cell)) return `\\x${cell.toString('hex')}`;
  if (typeof cell === 'object') return cellJson(cell, type);
  if (typeof cell !== 'number') return String(cell);
  return numberText(cell, type.storage === 'float32');
}

/** A number of 64 bits keeps 15 digits. */
function exactJson(digits: string, isRounded: boolean): string {
  return isRounded && digits.replace(/[-.]/g, '').length > 15 ? JSON.stringify(digits) : digits;
}

function numberJson(value: number, isSingle: boolean): string {
  const text = numberText(value, isSingle);
  return Number.isFinite(value) ? text : JSON.stringify(text);
}

function numberText(value: number, isSingle: boolean): string {
  if (Object.is(value, -0)) return '-0';
  return isSingle && Number.isFinite(value) ? float32Text(value) : String(value);
}

/** In one line, if it is one. */
function document(text: string): string {
  try {
    JSON.parse(text);
    return text.replace(/[\r\n]+\s*/g, ' ');
  } catch {
    // Another writer's: JSON only by name.
    return JSON.stringify(text);
  }
}
