import type { Span } from './span.js';

const longestScheme = 32;
/** `[` to `]` around IPv6, with a zone. */
const longestAddress = 80;
const longestPath = 8192;
const isSchemeCharacter = /[a-z0-9+.-]/i;
/** Their paths hold an @ as well as their passwords. */
const webSchemes = /^(?:https?|wss?)$/i;
const port = /\d{1,5}(?=([/?#])|[\s"'`<>()[\]{}|,;]|$)/y;
/** What can follow the @ before a host, and hardly one in a path. */
const host = /(?:\[[\da-f:.]+\]|localhost|\d+(?:\.\d+){3}|[\w.-]+:\d{1,5})(?=[:/?#\s"']|$)/iy;

/**
 * The passwords of the URLs in a text: from the first colon after `scheme://user` to the last @ before the line's end or the next
 * URL. Whatever stands between belongs to the password, because nobody has to have percent-encoded it. A text that begins
 * with a URL is one, or a list of them: line breaks belong to the password then too, because URL parsers leave them out.
 */
export function urlPasswords(text: string): Span[] {
  const spans: Span[] = [];
  let url = urlFrom(text, 0);
  const isAlone = url?.begin === 0;
  const nextAfter = isAlone ? /,\s?$/ : /[\s,;|"'`(<[{=]$/;
  /** The first URL from there on that is not part of the one before it. */
  const apartFrom = (from: number): Url | undefined => {
    let one = urlFrom(text, from);
    while (one && !nextAfter.test(text.slice(Math.max(0, one.begin - 2), one.begin)))
      one = urlFrom(text, one.start);
    return one;
  };
  let next = url;
  let lineEnd = -1;
  /** The first @ from there on. */
  let first = -1;
  while (url) {
    const { begin, at, start } = url;
    const isWeb = webSchemes.test(text.slice(begin, at));
    url = urlFrom(text, start);
    if (next && next.begin <= begin) next = apartFrom(start);
    if (lineEnd < start) lineEnd = isAlone ? text.length : placeOf(text, '\n', start);
    const colon = colonAfterUser(text, { start, isWeb }, Math.min(next?.begin ?? text.length, lineEnd));
    if (colon === undefined) continue;
    if (first < colon.at) first = placeOf(text, '@', colon.at);
    if (first >= lineEnd) continue;
    port.lastIndex = colon.at + 1;
    const asPort = port.exec(text);
    // What looks like the next URL is a part of the password, unless this one is whole without it.
    if (next && next.begin <= first && asPort) continue;
    while (next && next.begin <= first) next = apartFrom(next.start);
    let end = Math.min(next?.begin ?? text.length, lineEnd);
    // A path holds no space, and what follows it may hold an @.
    if (isWeb && asPort && !isAlone) end = Math.min(end, endOfWord(text, colon.at));
    const last = text.lastIndexOf('@', end - 1);
    if (last <= colon.at + 1) continue;
    host.lastIndex = last + 1;
    const mayBePort = asPort !== null && (isWeb ? !host.test(text) : !asPort[1] && !isAlone);
    spans.push({ start: colon.at + 1, end: last, doubtful: colon.isBehindPath || mayBePort });
    while (url && url.begin < last) url = urlFrom(text, url.start);
  }
  return spans;
}

interface Url {
  begin: number;
  /** Of `://`, and what follows it. */
  at: number;
  start: number;
}

function urlFrom(text: string, from: number): Url | undefined {
  for (let at = text.indexOf('://', from); at >= 0; at = text.indexOf('://', at + 1)) {
    let begin = at;
    while (begin > 0 && at - begin < longestScheme && isSchemeCharacter.test(text[begin - 1]!)) begin--;
    if (begin < at) return { begin, at, start: at + 3 };
  }
  return undefined;
}

/** Where it is found, else the text's end. */
function placeOf(text: string, part: string, from: number): number {
  const at = text.indexOf(part, from);
  return at < 0 ? text.length : at;
}

/** The colon that ends a user's name, or begins a port. */
function colonAfterUser(
  text: string,
  { start, isWeb }: { start: number; isWeb: boolean },
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
    if (isWeb) return undefined;
    isBehindPath = true;
  }
  return undefined;
}

function endOfWord(text: string, from: number): number {
  const length = text.slice(from, from + longestPath).search(/[\s"'`<>]/);
  return length < 0 ? text.length : from + length;
}
