import type { ByteString } from '../core/bytes.js';
import { parseJsonLine } from './json-line.js';
import { type LoggedRequest, parseRequestLine } from './request.js';

/**
 * A line of an access log: a JSON object, or the common or combined format of NGINX, Apache and varnishncsa, with
 * anything before the time (a virtual host, a forwarded address) and after the size. Undefined when it is neither.
 */
export function parseLogLine(line: ByteString): LoggedRequest | undefined {
  return /^\s*\{/.test(line) ? parseJsonLine(line) : parseTextLine(line);
}

const textLine = /\[([^\][]*)\] "([^"\\]*(?:\\.[^"\\]*)*)" (\d{3}|-) (?:\d+|-)(?=\s|$)/;

function parseTextLine(line: ByteString): LoggedRequest | undefined {
  const match = textLine.exec(line);
  if (!match) return undefined;
  const [, time, request, status] = match as unknown as ByteString[];
  return {
    ...parseRequestLine(unescape(request!)),
    status: status === '-' ? undefined : Number(status),
    time,
  };
}

const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', v: '\v', f: '\f' };

/** `\x22` of NGINX and varnishncsa, `\"` and `\n` of Apache. */
function unescape(text: ByteString): ByteString {
  if (!text.includes('\\')) return text;
  const plain = text.replace(/\\(?:x([0-9A-Fa-f]{2})|(.))/gs, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (letters[letter] ?? letter) : String.fromCharCode(parseInt(hex, 16)),
  );
  return plain as ByteString;
}
