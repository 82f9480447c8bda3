import { fromBytes, toBytes, type ByteString } from '../core/bytes.js';
import { controls } from '../core/controls.js';
import { UserError } from '../core/errors.js';

/*
 * How keys are written on the command line and in every output: as they are, but for bytes that are not UTF-8 and for
 * control characters. These are `\xHH`, a byte each; controls of bidirectional text are `\u202e`, as in all text. A
 * backslash is `\\` where it could be taken for the start of one of these; any other is itself. So what is shown can be
 * typed again, and two keys never look the same.
 */

const escape = /\\(\\|x[0-9a-fA-F]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})/g;

/** A backslash that what follows would turn into an escape. */
const ambiguous = /\\(?=[^ -[\]-~]|\\|x[0-9a-fA-F]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})/g;

/** Well-formed UTF-8 (RFC 3629, section 4), or one byte that is not. */
const sequence =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x7f-\xff]/g;

/** A key as people and JSON see it. */
export function keyText(key: ByteString): string {
  return globText(key.replace(ambiguous, String.raw`\\`) as ByteString);
}

/** A glob as people and JSON see it: its backslashes are escapes already. */
export function globText(glob: ByteString): string {
  const text = glob.replace(sequence, (bytes) => {
    const character = bytes.length > 1 ? fromBytes(bytes as ByteString) : '';
    return character === '' || character === '\ufffd' ? escaped(bytes) : character;
  });
  return text.replace(controls, (control) =>
    control <= '\xff' ? escaped(toBytes(control)) : `\\u${hex(control, 4)}`,
  );
}

/** The key that a person wrote. @throws UserError `KEY_NOT_UTF8` */
export function readKey(text: string): ByteString {
  checkUtf8('key', text);
  return toBytes(text).replace(escape, (_, what: string) => {
    if (what === '\\') return what;
    const character = String.fromCharCode(Number.parseInt(what.slice(1), 16));
    return what.startsWith('x') ? character : toBytes(character);
  }) as ByteString;
}

/** A glob in which only bytes are escaped: `\u202e` is the bytes of that character. */
export function globBytes(text: string): ByteString {
  return toBytes(text).replace(/\\(?:u(?![dD][89a-fA-F])([0-9a-fA-F]{4})|[^])/g, (whole, code?: string) => {
    if (code === undefined) return whole;
    const character = toBytes(String.fromCharCode(Number.parseInt(code, 16)));
    return character.length > 1 ? character : escaped(character);
  }) as ByteString;
}

/**
 * Node.js decodes arguments as UTF-8 and puts U+FFFD where they are not, which would name another key.
 * @param what the text is
 * @throws UserError `KEY_NOT_UTF8`
 */
export function checkUtf8(what: string, text: string): void {
  if (!text.includes('\ufffd')) return;
  throw new UserError(`the ${what} '${text}' holds bytes that are not UTF-8`, {
    code: 'KEY_NOT_UTF8',
    hint: String.raw`Write each of them as \xHH, as metrify cache inspect does; U+FFFD itself is \xef\xbf\xbd.`,
  });
}

function escaped(bytes: string): string {
  return Array.from(bytes, (byte) => `\\x${hex(byte, 2)}`).join('');
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
