import type { ByteString } from '../core/bytes.js';
import { parseJsonLine } from './access-log-json.js';

/** One request, as a log tells it. Texts are bytes as they came over the wire; none of them can be trusted. */
export interface LoggedRequest {
  /** `GET`; '' when the client sent no HTTP request line. */
  method: string;
  /** As the client wrote it: `/path?query`, or absolute. */
  target: ByteString;
  status?: number | undefined;
  /** The site it was for, where the log says so. */
  host?: string | undefined;
  /** Request headers that answers vary by: undefined where the log does not tell, '' where the client sent none. */
  acceptEncoding?: ByteString | undefined;
  acceptLanguage?: ByteString | undefined;
  accept?: ByteString | undefined;
}

/**
 * A line of an access log: a JSON object, or the common or combined format of NGINX, Apache and varnishncsa, with
 * anything before the time (a virtual host, a forwarded address) and after the size. Undefined when it is neither.
 */
export function parseLogLine(line: ByteString): LoggedRequest | undefined {
  return /^\s*\{/.test(line) ? parseJsonLine(line) : parseTextLine(line);
}

const textLine = /\[[^\][]*\] "([^"\\]*(?:\\.[^"\\]*)*)" (\d{3}|-) (?:\d+|-)(?=\s|$)/;

function parseTextLine(line: ByteString): LoggedRequest | undefined {
  const match = textLine.exec(line);
  if (!match) return undefined;
  const status = match[2] === '-' ? undefined : Number(match[2]);
  return { ...parseRequestLine(unescape(match[1]!)), status };
}

/** `GET /path HTTP/1.1`. Whatever else clients send (TLS hellos, nothing at all) has no method. */
export function parseRequestLine(text: ByteString): { method: string; target: ByteString } {
  const match = /^([A-Z][A-Z_-]*) (\S+)(?: HTTP\/\d(?:\.\d)?)?$/.exec(text);
  return match ? { method: match[1]!, target: match[2]! } : { method: '', target: '' };
}

const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', v: '\v', f: '\f' };

/** `\x22` of NGINX and varnishncsa, `\"` and `\n` of Apache. */
function unescape(text: ByteString): ByteString {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(?:x([0-9A-Fa-f]{2})|(.))/gs, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (letters[letter] ?? letter) : String.fromCharCode(parseInt(hex, 16)),
  );
}
