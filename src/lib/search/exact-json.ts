import { type ByteString, fromBytes } from '../core/bytes.js';
import { JsonCursor } from '../sources/json-cursor.js';
import { canonical } from './canonical.js';

/** A number that a double does not hold. `exactText` writes its digits; in other JSON it is a text. */
export class Digits {
  constructor(readonly text: string) {}

  /** As text, where a number would be rounded. */
  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}

/** The value of a JSON text. @param unheld what a number becomes that a double does not hold @throws NotJson; SyntaxError */
export function exactJson(
  json: ByteString,
  unheld: (digits: string) => unknown = (digits) => new Digits(digits),
): unknown {
  const cursor = new JsonCursor(json);
  const value = read(cursor, unheld);
  cursor.end();
  return value;
}

/** As JSON.stringify, of plain data and Digits. */
export function exactText(value: unknown): string {
  if (value instanceof Digits) return value.text;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(exactText).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${exactText(member)}`).join(',')}}`;
}

function read(cursor: JsonCursor, unheld: (digits: string) => unknown): unknown {
  switch (cursor.first()) {
    case '{': {
      const members: [string, unknown][] = [];
      cursor.members((name) => members.push([textOf(name), read(cursor, unheld)]));
      return Object.fromEntries(members);
    }
    case '[': {
      const elements: unknown[] = [];
      cursor.elements(() => elements.push(read(cursor, unheld)));
      return elements;
    }
    default: {
      const raw = cursor.value();
      const value = JSON.parse(fromBytes(raw)) as unknown;
      return typeof value === 'number' && !isHeld(raw, value) ? unheld(raw) : value;
    }
  }
}

function isHeld(raw: ByteString, value: number): boolean {
  return Number.isFinite(value) && canonical(raw) === canonical(String(value) as ByteString);
}

function textOf(rawName: ByteString): string {
  return JSON.parse(fromBytes(rawName)) as string;
}
