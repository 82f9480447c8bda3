import { fromBytes, toBytes, type ByteString } from '../core/bytes.js';

/**
 * Walks the top-level members of a JSON object, giving each name and value as raw JSON text, in order. `JSON.parse`
 * would lose the digits of numbers; it must have accepted the text before, since nothing is checked here.
 */
export function eachMember(
  json: ByteString,
  visit: (rawName: ByteString, rawValue: ByteString) => void,
): void {
  let pos = skipSpace(json, skipSpace(json, 0) + 1);
  while (json.charCodeAt(pos) === 34) {
    const nameEnd = endOfString(json, pos);
    const start = skipSpace(json, skipSpace(json, nameEnd) + 1);
    const end = endOfValue(json, start);
    visit(json.slice(pos, nameEnd), json.slice(start, end));
    pos = skipSpace(json, end);
    if (json.charCodeAt(pos) === 44) pos = skipSpace(json, pos + 1);
  }
}

/** Walks the elements of a JSON array, as {@link eachMember} the members of an object. */
export function eachElement(json: ByteString, visit: (raw: ByteString) => void): void {
  let pos = skipSpace(json, skipSpace(json, 0) + 1);
  while (json.charCodeAt(pos) !== 93) {
    const end = endOfValue(json, pos);
    visit(json.slice(pos, end));
    pos = skipSpace(json, end);
    if (json.charCodeAt(pos) === 44) pos = skipSpace(json, pos + 1);
  }
}

/** A value as the field's text: strings unescaped, numbers and nested values as they were written, null as null. */
export function memberText(raw: ByteString): ByteString | null {
  if (raw.charCodeAt(0) === 34) return stringText(raw);
  return raw === 'null' ? null : raw;
}

/** The text of a raw JSON string, quotes included in `raw`. */
export function stringText(raw: ByteString): ByteString {
  return raw.includes('\\') ? toBytes(JSON.parse(fromBytes(raw)) as string) : raw.slice(1, -1);
}

/** The place of the next character that is no white space. */
export function skipSpace(text: string, pos: number): number {
  for (; ; pos++) {
    const code = text.charCodeAt(pos);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return pos;
  }
}

/** Behind the string that starts at `pos`. */
export function endOfString(text: string, pos: number): number {
  for (pos++; ; pos++) {
    const code = text.charCodeAt(pos);
    if (code === 34) return pos + 1;
    if (code === 92) pos++;
  }
}

/** Behind the value that starts at `pos`. */
export function endOfValue(text: string, pos: number): number {
  const first = text.charCodeAt(pos);
  if (first === 34) return endOfString(text, pos);
  if (first !== 123 && first !== 91) {
    for (; ; pos++) {
      const code = text.charCodeAt(pos);
      // Not greater either: the end of the text.
      if (code === 44 || code === 125 || code === 93 || !(code > 32)) return pos;
    }
  }
  for (let depth = 0; ;) {
    const code = text.charCodeAt(pos);
    if (code === 34) {
      pos = endOfString(text, pos);
      continue;
    }
    pos++;
    if (code === 123 || code === 91) depth++;
    else if ((code === 125 || code === 93) && --depth === 0) return pos;
  }
}
