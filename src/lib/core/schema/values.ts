import { isAbsolute } from 'node:path';
import { UserError } from '../errors.js';
import { parseDuration, parseSize } from '../units.js';

/*
 * Readers of single values, shared by the file, the variables, the flags and the library. All throw a UserError that
 * says what would be right.
 */

/** @returns milliseconds, more than 0. */
export function positiveDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms <= 0) throw new UserError(`'${text}' is no time at all`, { hint: 'Give a duration above zero.' });
  return ms;
}

/** @returns bytes, more than 0. */
export function positiveSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes <= 0) throw new UserError(`'${text}' holds nothing`, { hint: 'Give a size above zero.' });
  return bytes;
}

/** Of text as variables have it, or of a value that is one already. */
export function trueOrFalse(value: unknown): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new UserError('must be true or false');
}

export function plainText(text: string): string {
  if (text === '') throw new UserError('must not be empty');
  return text;
}

export function oneOf<const C extends readonly string[]>(choices: C) {
  return (value: unknown): C[number] => {
    if (typeof value === 'string' && choices.includes(value)) return value;
    throw new UserError(`must be one of ${choices.join(', ')}`);
  };
}

/** `host:port`, `[::1]:port`, or the path of a Unix socket. */
export function hostAndPort(text: string): string {
  if (isAbsolute(text)) return text;
  const port = Number(/^(?:\[[0-9a-f:.%]+\]|[^\s:/@[\]]+):(\d{1,5})$/i.exec(text)?.[1]);
  if (port >= 1 && port <= 65_535) return text;
  // What is before an @ may be a password.
  if (text.includes('@')) throw new UserError('is an address with a user, which means nothing here');
  throw new UserError(`'${text}' is not host:port`, { hint: 'Write it like 127.0.0.1:11211.' });
}

/** @throws UserError unless it is a whole number, or the text of one, from `least` to `most`. */
export function wholeNumber(value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (Number.isSafeInteger(number) && (number as number) >= least && (number as number) <= most)
    return number as number;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
  throw new UserError(`must be a whole number ${range}`);
}
