import { isAbsolute } from 'node:path';
import { UserError } from '../../lib/core/errors.js';
import { parseDuration, parseSize } from '../../lib/core/units.js';

/**
 * Readers of single values, shared by the file, the variables and the flags. All throw a UserError that says what
 * would be right; those for URLs never repeat the value, because it may hold a password.
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

export function trueOrFalse(text: string): boolean {
  if (text === 'true') return true;
  if (text === 'false') return false;
  throw new UserError(`'${text}' is neither true nor false`);
}

export function plainText(text: string): string {
  if (text === '') throw new UserError('must not be empty');
  return text;
}

export function oneOf<const C extends readonly string[]>(choices: C) {
  return (text: string): C[number] => {
    if (choices.includes(text)) return text;
    throw new UserError(`'${text}' is not one of ${choices.join(', ')}`);
  };
}

/** A URL with one of the schemes; its host may be missing only where `hostOptional` (a Unix socket, say). */
export function urlWith(schemes: readonly string[], { hostOptional = false } = {}) {
  const wanted = schemes.map((scheme) => `${scheme}://`).join(' or ');
  return (text: string): string => {
    let url: URL;
    try {
      url = new URL(text);
    } catch {
      throw new UserError('is not a URL', {
        hint: `It starts with ${wanted}; characters like / ? # @ in a password are percent-encoded.`,
      });
    }
    const scheme = url.protocol.slice(0, -1);
    if (!schemes.includes(scheme) || !/^[^:]+:\/\//.test(text))
      throw new UserError(`is not a URL with ${wanted}`);
    if (url.hostname === '' && !hostOptional) throw new UserError('is a URL without a host');
    return text;
  };
}

/** One or more values with commas between them. */
export function listOf<T>(one: (text: string) => T) {
  return (text: string): T[] => text.split(',').map((part) => one(part.trim()));
}

/** `host:port`, `[::1]:port`, or the path of a Unix socket. */
export function hostAndPort(text: string): string {
  if (isAbsolute(text)) return text;
  const port = Number(/^(?:\[[0-9a-f:.%]+\]|[^\s:/@[\]]+):(\d{1,5})$/i.exec(text)?.[1]);
  if (port >= 1 && port <= 65_535) return text;
  throw new UserError(`'${text}' is not host:port`, { hint: 'Write it like 127.0.0.1:11211.' });
}
