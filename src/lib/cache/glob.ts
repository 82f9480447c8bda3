import type { ByteString } from '../core/bytes.js';
import { UserError } from '../core/errors.js';
import { checkUtf8, globBytes } from './key-text.js';

/*
 * Redis's own globs (`*`, `?`, `[abc]`, `[^a]`, `[a-z]`, `\*`) over bytes, with its corner cases: a class that is
 * not closed ends with the pattern, `[]` matches nothing, `[^]` anything, the ends of a range may be swapped, bytes
 * from 128 on count as negative in ranges (as on x86), and only `*` itself matches the empty key. In addition `\xHH` is
 * the byte HH and `\uHHHH` a character, as in the text of keys.
 */

/** A byte to be equal to; what one byte may be; or any number of bytes. */
type Token = number | Uint8Array | typeof star;
const star = -1;

/** A glob that a person wrote. @throws UserError `PATTERN_EMPTY`, `KEY_NOT_UTF8` */
export function readGlob(text: string): string {
  checkUtf8('pattern', text);
  if (text !== '') return text;
  throw new UserError('an empty pattern matches no key', {
    code: 'PATTERN_EMPTY',
    hint: "Give '*' for every key. A key whose name is empty is removed by: metrify cache delete ''",
  });
}

/** The same glob for Redis, which does not know `\xHH`. */
export function redisGlob(text: string): ByteString {
  const bytes = globBytes(text);
  return hexEscape.test(bytes) ? (parse(text).map(printed).join('') as ByteString) : bytes;
}

/** A key that the glob matches. */
export function exampleKey(text: string): ByteString {
  const bytes = parse(text).map((token) => {
    if (token === star) return '*';
    return String.fromCharCode(typeof token === 'number' ? token : token.indexOf(1));
  });
  return bytes.join('') as ByteString;
}

/** Whether a key matches. Takes at most the product of the two lengths, whatever the pattern. */
export function compileGlob(pattern: string): (key: ByteString) => boolean {
  if (pattern === '*') return () => true;
  const tokens = parse(pattern);
  const prefix = literalRun(tokens);
  if (prefix.length === tokens.length) return (key) => key === prefix;
  if (prefix.length === tokens.length - 1 && tokens.at(-1) === star && prefix !== '')
    return (key) => key.startsWith(prefix);
  return (key) => key.startsWith(prefix) && key !== '' && matches(tokens, key, prefix.length);
}

/** The bytes with which every matching key starts. */
export function literalPrefix(pattern: string): ByteString {
  return literalRun(parse(pattern));
}

/** Whether the pattern names at least one character; one that does not (`*`, `?*`, `[a-z]*`) may mean every key. */
export function hasLiteral(pattern: string): boolean {
  return parse(pattern).some((token) => typeof token === 'number' && token !== star);
}

function literalRun(tokens: Token[]): ByteString {
  let run = '';
  for (const token of tokens) {
    if (typeof token !== 'number' || token === star) break;
    run += String.fromCharCode(token);
  }
  return run as ByteString;
}

/** Goes back to the last star only: what an earlier one could still match, the later one can, too. */
function matches(tokens: Token[], key: ByteString, start: number): boolean {
  let token = start;
  let at = start;
  let lastStar = -1;
  let retry = 0;
  while (at < key.length) {
    const wanted = token < tokens.length ? tokens[token]! : undefined;
    if (wanted === star) {
      lastStar = token++;
      retry = at;
    } else if (wanted !== undefined && accepts(wanted, key.charCodeAt(at))) {
      token++;
      at++;
    } else if (lastStar >= 0) {
      token = lastStar + 1;
      at = ++retry;
    } else {
      return false;
    }
  }
  while (token < tokens.length && tokens[token] === star) token++;
  return token === tokens.length;
}

function accepts(token: number | Uint8Array, byte: number): boolean {
  return typeof token === 'number' ? token === byte : token[byte] === 1;
}

function parse(text: string): Token[] {
  const pattern = globBytes(text);
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length;) {
    const char = pattern[at]!;
    if (char === '*') {
      if (tokens.at(-1) !== star) tokens.push(star);
      at++;
    } else if (char === '?') {
      tokens.push(new Uint8Array(256).fill(1));
      at++;
    } else if (char === '[') {
      const { token, end } = parseClass(pattern, at + 1);
      tokens.push(token);
      at = end;
    } else {
      const { byte, end } = character(pattern, at);
      tokens.push(byte);
      at = end;
    }
  }
  return tokens;
}

const hexEscape = /\\x[0-9a-fA-F]{2}/;

/** One byte, which may be escaped. */
function character(pattern: ByteString, at: number): { byte: number; end: number } {
  if (pattern[at] !== '\\' || at + 1 >= pattern.length) return { byte: pattern.charCodeAt(at), end: at + 1 };
  const code = pattern.slice(at, at + 4);
  return hexEscape.test(code)
    ? { byte: Number.parseInt(code.slice(2), 16), end: at + 4 }
    : { byte: pattern.charCodeAt(at + 1), end: at + 2 };
}

/** Escaped characters begin no range in Redis, so that every member of a class stands alone. */
function printed(token: Token): string {
  if (token === star) return '*';
  if (typeof token === 'number') return literal(token);
  const members = Array.from(token.keys());
  const inside = members.filter((byte) => token[byte] === 1).map(literal);
  const outside = members.filter((byte) => token[byte] !== 1).map(literal);
  if (outside.length === 0) return '?';
  return inside.length <= outside.length ? `[${inside.join('')}]` : `[^${outside.join('')}]`;
}

function literal(byte: number): string {
  return `\\${String.fromCharCode(byte)}`;
}

/** A class with one member is that character, so that `[*]x` has a literal. */
function parseClass(pattern: ByteString, start: number): { token: Token; end: number } {
  let at = start;
  const negated = pattern[at] === '^';
  if (negated) at++;
  const set = new Uint8Array(256);
  while (at < pattern.length && pattern[at] !== ']') {
    const { byte, end } = character(pattern, at);
    // Of escapes only those of bytes begin or end a range.
    const single = pattern[at] === '\\' && end - at === 2;
    if (!single && pattern[end] === '-' && end + 1 < pattern.length) {
      const hex = hexEscape.test(pattern.slice(end + 1, end + 5));
      const last = hex ? character(pattern, end + 1) : { byte: pattern.charCodeAt(end + 1), end: end + 2 };
      addRange(set, signed(byte), signed(last.byte));
      at = last.end;
    } else {
      set[byte] = 1;
      at = end;
    }
  }
  if (negated) for (let byte = 0; byte < 256; byte++) set[byte]! ^= 1;
  const single = set.indexOf(1);
  const token = single >= 0 && set.indexOf(1, single + 1) < 0 ? single : set;
  return { token, end: at + 1 };
}

function addRange(set: Uint8Array, from: number, to: number): void {
  for (let byte = Math.min(from, to); byte <= Math.max(from, to); byte++) set[byte & 255] = 1;
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}
