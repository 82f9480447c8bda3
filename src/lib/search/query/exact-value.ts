import { type ByteString, fromBytes } from '../../core/bytes.js';
import { JsonCursor } from '../../sources/json-cursor.js';
import { canonical } from '../canonical.js';

/** The value of a JSON text. A number that a double does not hold is the text of its digits. */
export function exactValue(json: ByteString): unknown {
  return read(new JsonCursor(json));
}

function read(cursor: JsonCursor): unknown {
  switch (cursor.first()) {
    case '{': {
      const members: [string, unknown][] = [];
      cursor.members((name) => members.push([textOf(name), read(cursor)]));
      return Object.fromEntries(members);
    }
    case '[': {
      const elements: unknown[] = [];
      cursor.elements(() => elements.push(read(cursor)));
      return elements;
    }
    default:
      return scalar(cursor.value());
  }
}

function scalar(raw: ByteString): unknown {
  const value = JSON.parse(fromBytes(raw)) as unknown;
  return typeof value === 'number' && !isHeld(raw, value) ? raw : value;
}

function isHeld(raw: ByteString, value: number): boolean {
  return Number.isFinite(value) && canonical(raw) === canonical(String(value) as ByteString);
}

function textOf(rawName: ByteString): string {
  return JSON.parse(fromBytes(rawName)) as string;
}
