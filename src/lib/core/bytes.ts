declare const bytes: unique symbol;

interface Bytes {
  readonly [bytes]: true;
  slice(start?: number, end?: number): ByteString;
}

/**
 * A string in which every char code is one byte (Latin-1), holding UTF-8 text or any other bytes. Bulk paths keep
 * data in this form: its length is the byte length, it is written to a socket without encoding, and V8 stores it
 * with one byte a character.
 *
 * Text becomes one with `toBytes`, and text again with `fromBytes`; a buffer with `bytesOf`. Only what is a byte string
 * for certain may be cast (`as ByteString`): a part of one, several joined by ASCII, digits.
 */
export type ByteString = Bytes & string;

export function toBytes(text: string): ByteString {
  return isAscii(text) ? (text as ByteString) : bytesOf(Buffer.from(text, 'utf8'));
}

/** Text for people and JSON; bytes that are not UTF-8 become U+FFFD. */
export function fromBytes(bytes: ByteString): string {
  return isAscii(bytes) ? bytes : textOf(Buffer.from(bytes, 'latin1'));
}

/** Node's own, missing from its types: decoding without the detour over an encoding's name. */
interface Slices {
  latin1Slice(start?: number, end?: number): string;
  utf8Slice(start?: number, end?: number): string;
}

/** The buffer's bytes as they are, whatever they mean. */
export function bytesOf(buffer: Buffer, start?: number, end?: number): ByteString {
  return (buffer as unknown as Slices).latin1Slice(start, end) as ByteString;
}

/** The buffer's text; bytes that are not UTF-8 become U+FFFD. */
export function textOf(buffer: Buffer, start?: number, end?: number): string {
  return (buffer as unknown as Slices).utf8Slice(start, end);
}

/** A line without the carriage return at its end. */
export function withoutReturn(line: ByteString): ByteString {
  return line.charCodeAt(line.length - 1) === 13 ? line.slice(0, -1) : line;
}

/** Compiled, it takes a third of a loop's time. */
const beyondAscii = /[\u0080-\uffff]/;

function isAscii(text: string): boolean {
  return !beyondAscii.test(text);
}
