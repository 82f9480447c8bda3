import { isUtf8 } from 'node:buffer';

import { textOf, bytesOf, toBytes, type ByteString } from '../../core/bytes.js';

/** What a map holds of ours: text as a Java `String`, so that every service can read it, other bytes as `byte[]`. */
export type Stored = string | Buffer;

export function toStored(bytes: ByteString): Stored {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.charCodeAt(i) < 128) continue;
    const buffer = Buffer.from(bytes, 'latin1');
    return isUtf8(buffer) ? textOf(buffer) : buffer;
  }
  return bytes;
}

/** A key as bytes; undefined for one that we could not address by these bytes again (a number, a UUID, …). */
export function keyBytes(key: unknown): ByteString | undefined {
  if (typeof key === 'string') return toBytes(key);
  return Buffer.isBuffer(key) && !isUtf8(key) ? bytesOf(key) : undefined;
}

/** A value as bytes. Values that other services put there are told as their text, or as JSON. */
export function valueBytes(value: unknown): ByteString {
  if (typeof value === 'string') return toBytes(value);
  if (Buffer.isBuffer(value)) return bytesOf(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return toBytes(String(value));
  const { toString } = value as { toString: unknown };
  const ownText =
    typeof toString === 'function' && toString !== Object.prototype.toString && !Array.isArray(value);
  return toBytes(ownText ? String(value) : JSON.stringify(value));
}
