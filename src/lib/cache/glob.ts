import { toBytes, type ByteString } from '../core/bytes.js';

/*
 * Redis's own globs (`*`, `?`, `[abc]`, `[^a]`, `[a-z]`, `\x`) over bytes, with its corner cases: a class that is
 * not closed ends with the pattern, `[]` matches nothing, `[^]` anything, the ends of a range may be swapped, bytes
 * from 128 on count as negative in ranges (as on x86), and only `*` itself matches the empty key.
 */

/** A byte to be equal to; what one byte may be; or any number of bytes. */
type Token = number | Uint8Array | typeof star;
const star = -1;

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
  const pattern = toBytes(text);
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
      if (char === '\\' && at + 1 < pattern.length) at++;
      tokens.push(pattern.charCodeAt(at++));
    }
  }
  return tokens;
}

/** A class with one member is that character, so that `[*]x` has a literal. */
function parseClass(pattern: ByteString, start: number): { token: Token; end: number } {
  let at = start;
  const negated = pattern[at] === '^';
  if (negated) at++;
  const set = new Uint8Array(256);
  while (at < pattern.length && pattern[at] !== ']') {
    const left = pattern.length - at;
    if (left >= 2 && pattern[at] === '\\') {
      set[pattern.charCodeAt(at + 1)] = 1;
      at += 2;
    } else if (left >= 3 && pattern[at + 1] === '-') {
      addRange(set, signed(pattern.charCodeAt(at)), signed(pattern.charCodeAt(at + 2)));
      at += 3;
    } else {
      set[pattern.charCodeAt(at++)] = 1;
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
