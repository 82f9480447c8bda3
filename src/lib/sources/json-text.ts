import type { ByteString } from '../core/bytes.js';

// eslint-disable-next-line no-control-regex
const special = /["\\\x00-\x1f]/;

/** The text as a JSON string. Bytes above 127 pass as they are, so UTF-8 stays UTF-8. */
export function jsonString(text: ByteString): ByteString {
  return `"${insideQuotes(text)}"` as ByteString;
}

/** The same without the quotes around it. */
export function insideQuotes(text: ByteString): ByteString {
  return special.test(text) ? (JSON.stringify(text).slice(1, -1) as ByteString) : text;
}

/**
 * A function that writes rows as JSON objects. It joins the parts at once: a string that is concatenated stays a tree
 * of them, and garbage collection would walk the trees of all rows that are under way.
 * @param before what stands before each column's value, the first with the brace
 * @param valueOf a column's value as it stands there
 * @param end what stands behind the last value, with the brace
 */
export function objectWriter<Row>(
  before: readonly string[],
  valueOf: (row: Row, column: number) => string,
  end: string,
): (row: Row) => ByteString {
  const parts = [...before.flatMap((text) => [text, '']), end];
  return (row) => {
    for (let i = 0; i < before.length; i++) parts[2 * i + 1] = valueOf(row, i);
    return parts.join('') as ByteString;
  };
}
