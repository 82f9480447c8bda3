import { ValueUnfit } from './unfit.js';

/** As UTF-8. @throws ValueUnfit for what is not text, also half a surrogate pair, which UTF-8 has no bytes for */
export function textOf(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw new ValueUnfit(value, 'text');
  const bytes = Buffer.from(value);
  if (/\p{Surrogate}/u.test(value)) throw new ValueUnfit(value, 'text that UTF-8 can hold');
  return bytes;
}

/** Bytes, or text that names them as PostgreSQL does: `\x00ff`. @throws ValueUnfit */
export function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string' && /^\\x(?:[0-9a-f]{2})*$/i.test(value))
    return Buffer.from(value.slice(2), 'hex');
  throw new ValueUnfit(value, String.raw`bytes: text names them in hexadecimal, as \x00ff`);
}

/** A document's text; a string is taken for one, and kept as it is. @throws ValueUnfit */
export function jsonOf(value: unknown): Uint8Array {
  if (typeof value !== 'string') {
    try {
      return textOf(JSON.stringify(value, (_, part: unknown) => (isLost(part) ? 0n : part)));
    } catch {
      // A bigint, or an object that contains itself.
      throw new ValueUnfit(value, 'a value that JSON has');
    }
  }
  try {
    JSON.parse(value);
  } catch {
    throw new ValueUnfit(value, 'JSON');
  }
  return textOf(value);
}

/** JSON.stringify writes null for it. */
function isLost(part: unknown): boolean {
  return typeof part === 'number' && !Number.isFinite(part);
}

const uuid = /^\{?[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}\}?$/i;

/** In 16 bytes. @throws ValueUnfit */
export function uuidOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array && value.length === 16) return value;
  if (typeof value !== 'string' || !uuid.test(value.trim()))
    throw new ValueUnfit(value, 'a uuid such as 6f2b1c9e-0a4d-4c58-9d0e-1f5f6a7b8c9d');
  return Buffer.from(value.replace(/[^0-9a-f]/gi, ''), 'hex');
}
