declare global {
  /** Node's own, missing from its types: decoding without the detour over an encoding's name. */
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
    utf8Slice(start?: number, end?: number): string;
  }
}

/**
 * A string in which every char code is one byte (Latin-1), holding UTF-8 text or any other bytes. Bulk paths keep
 * data in this form: its length is the byte length, it is written to a socket without encoding, and V8 stores it
 * with one byte a character.
 */
export type ByteString = string;

export function toBytes(text: string): ByteString {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').latin1Slice();
}

/** Bytes as they are, whatever they mean. */
export function ofBuffer(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).latin1Slice();
}

/** Text for people and JSON; bytes that are no UTF-8 become U+FFFD. */
export function fromBytes(bytes: ByteString): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').utf8Slice();
}

/** Compiled, it takes a third of a loop's time. */
const beyondAscii = /[\u0080-\uffff]/;

function isAscii(text: string): boolean {
  return !beyondAscii.test(text);
}

/** A line without the carriage return at its end. */
export function withoutReturn(line: ByteString): ByteString {
  return line.charCodeAt(line.length - 1) === 13 ? line.slice(0, -1) : line;
}
