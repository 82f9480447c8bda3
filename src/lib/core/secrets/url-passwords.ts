import { placesOf, type Span } from './span.js';

interface Url {
  begin: number;
  scheme: string;
  /** After `://`. */
  start: number;
}

const longestScheme = 32;
/** `[` to `]` around IPv6, with a zone. */
const longestAddress = 80;
const longestPath = 8192;
const isSchemeCharacter = /[a-z0-9+.-]/i;
/** Their paths hold an @ as well as their passwords. */
const isWeb = /^(?:https?|wss?)$/i;
const port = /\d{0,5}(?=([/?#])|[\s"'`<>()[\]{}|;]|$)/y;
/** What can follow the @ before a host, and hardly one in a path. */
const host = /(?:\[[\da-f:.]+\]|localhost|\d+(?:\.\d+){3}|[\w.-]+:\d{1,5})(?=[:/?#\s"']|$)/iy;

/**
 * The passwords of the URLs in a text: from the first colon after `scheme://user` to the last @ before the line's end or the next
 * URL. Whatever stands between belongs to the password, because nobody has to have percent-encoded it. In a text that
 * begins with a URL, line breaks do too: URL parsers leave them out.
 */
export function urlPasswords(text: string): Span[] {
  const urls = urlsIn(text);
  const signs = [...placesOf(text, '@')];
  const spans: Span[] = [];
  const isOne = urls[0]?.begin === 0;
  let lineEnd = -1;
  for (let i = 0; i < urls.length; i++) {
    const url = urls[i]!;
    if (lineEnd < url.start) lineEnd = isOne ? text.length : endOfLine(text, url.start);
    const boundary = Math.min(urls[i + 1]?.begin ?? text.length, lineEnd);
    const colon = colonAfterUser(text, url, boundary);
    if (colon === undefined) continue;
    const first = signs[firstAbove(signs, colon.at)];
    if (first === undefined || first >= lineEnd) continue;
    port.lastIndex = colon.at + 1;
    const asPort = port.exec(text);
    let end = boundary;
    if (first >= boundary) {
      // The next `://` is part of the password, unless this URL is a whole one.
      if (asPort || /^\d*,/.test(text.slice(colon.at + 1, colon.at + 8))) continue;
      while (i + 1 < urls.length && urls[i + 1]!.begin <= first) i++;
      end = Math.min(urls[i + 1]?.begin ?? text.length, lineEnd);
    }
    const isWebPort = asPort !== null && isWeb.test(url.scheme);
    // A path holds no space, and what follows it may hold an @.
    if (isWebPort && !isOne) end = Math.min(end, endOfWord(text, colon.at));
    const at = signs[firstAbove(signs, end - 1) - 1] ?? -1;
    if (at <= colon.at + 1) continue;
    const span: Span = { start: colon.at + 1, end: at };
    if (asPort) {
      host.lastIndex = at + 1;
      if (isWebPort ? !host.test(text) : !asPort[1] && !isOne) span.doubtful = true;
    }
    if (colon.isBehindPath) span.doubtful = true;
    spans.push(span);
  }
  return spans;
}

function urlsIn(text: string): Url[] {
  const urls: Url[] = [];
  for (const at of placesOf(text, '://')) {
    let begin = at;
    while (begin > 0 && at - begin < longestScheme && isSchemeCharacter.test(text[begin - 1]!)) begin--;
    if (begin < at) urls.push({ begin, scheme: text.slice(begin, at), start: at + 3 });
  }
  return urls;
}

/** The colon that ends a user's name, or begins a port. */
function colonAfterUser(
  text: string,
  { scheme, start }: Url,
  boundary: number,
): { at: number; isBehindPath: boolean } | undefined {
  let at = start;
  let isBehindPath = false;
  if (text[at] === '[') at += Math.max(0, text.slice(at, at + longestAddress).indexOf(']'));
  for (; at < boundary; at++) {
    const character = text[at]!;
    if (character === ':') return { at, isBehindPath };
    if (/\s/.test(character)) return undefined;
    if (!/[/?#]/.test(character)) continue;
    if (isWeb.test(scheme)) return undefined;
    isBehindPath = true;
  }
  return undefined;
}

function endOfWord(text: string, from: number): number {
  const length = text.slice(from, from + longestPath).search(/[\s"'`<>]/);
  return length < 0 ? text.length : from + length;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** The index of the first of the sorted numbers that is greater. */
function firstAbove(numbers: readonly number[], limit: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
