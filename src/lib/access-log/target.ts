import type { ByteString } from '../core/bytes.js';

const longest = 8 * 1024;
/** Beyond printable bytes: control characters, white space, fragments; also percent-encoded control characters. */
const unsafe = /[^\x21-\xff]|[\x7f#]|%(?:[01][0-9a-f]|7f)/i;
/** `..` as a segment, also percent-encoded: made by those who look for holes. */
const climbing = /[/\\](?:\.|%2e){1,2}(?:[/\\?]|%2f|%5c|$)/i;

/**
 * The path and query of a logged request target; what an absolute URL says about a host is handed back apart, and is
 * never where a request goes. Undefined when it is nothing that we would send: a log is written by strangers.
 */
export function safeTarget(target: ByteString): { path: ByteString; host?: string } | undefined {
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target);
  const rest = absolute ? absolute[2]! : target;
  const path = (absolute && !rest.startsWith('/') ? `/${rest}` : rest) as ByteString;
  if (!path.startsWith('/') || path.length > longest || unsafe.test(path)) return undefined;
  const end = path.indexOf('?');
  if (climbing.test(end === -1 ? path : path.slice(0, end))) return undefined;
  return absolute ? { path, host: absolute[1]! } : { path };
}
