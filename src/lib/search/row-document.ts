import { type ByteString, fromBytes, toBytes } from '../core/bytes.js';
import { stringText } from '../sources/json-members.js';
import { jsonString } from '../sources/json-text.js';
import type { RowSource } from '../sources/row-source.js';
import { canonical, contentId } from './canonical.js';

/**
 * A function that makes a row a document. JSON stays as it is, every digit of a number is kept, and empty fields of CSV are left
 * out: a field of numbers or times takes no empty text.
 */
export function documentOf<Row>(source: RowSource<Row>): (row: Row) => ByteString {
  const hasTypes = source.members !== undefined || source.columns.some(({ type }) => type !== undefined);
  return hasTypes ? source.json : (row) => objectOf(source.fields(row));
}

/**
 * A function that gives a row's id: the field's text, or without a field the SHA-256 of the document. Null where the field is
 * null, empty, or holds half of a surrogate pair, as JSON can.
 * @throws UserError `COLUMN_MISSING`
 */
export function idOf<Row>(
  source: RowSource<Row>,
  field: string | undefined,
): (row: Row, document: ByteString) => ByteString | null {
  if (field === undefined) return (_, document) => contentId(canonical(document));
  const column = source.column(field);
  const name = toBytes(field);
  return (row) => {
    const id = column(row);
    if (!id?.includes(replacement)) return id || null;
    let isWhole = true;
    source.members?.(row, (rawName, value) => {
      if (stringText(rawName) === name) isWhole = isWellFormed(value);
    });
    return isWhole ? id : null;
  };
}

/** U+FFFD: what becomes of half a surrogate pair in UTF-8, so that ids that differ in it would be one. */
const replacement = toBytes('\ufffd');

/** False for a JSON string that holds half of a surrogate pair. */
export function isWellFormed(raw: ByteString): boolean {
  return !(raw.startsWith('"') && raw.includes('\\u') && half.test(JSON.parse(fromBytes(raw)) as string));
}

const half = /\p{Surrogate}/u;

function objectOf(fields: readonly ByteString[]): ByteString {
  const members: string[] = [];
  for (let i = 0; i < fields.length; i += 2)
    members.push(`${jsonString(fields[i]!)}:${jsonString(fields[i + 1]!)}`);
  return `{${members.join(',')}}` as ByteString;
}
