import type { ByteString } from '../../core/bytes.js';

const longestKey = 250;
const longestRelativeSeconds = 30 * 86_400;
/** The server reads the time as a signed 32-bit number: a later end is as good as that. */
const latestSecond = 2 ** 31 - 1;

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const forbidden = /[\x00-\x20\x7f]/;

/** Why the protocol cannot carry a key, if it cannot. */
export function keyProblem(key: ByteString): string | undefined {
  if (key.length > longestKey) return `the key has ${key.length} bytes; memcached takes 250`;
  if (key === '') return 'the key is empty';
  if (forbidden.test(key)) return 'the key holds a space or a control character';
  return undefined;
}

/**
 * A time to live as memcached wants it: whole seconds, rounded up; from 30 days on, the Unix time of the end.
 * @param serverNow milliseconds since the epoch by the server's clock.
 */
export function expiryOf(ttlMs: number, serverNow: () => number): number {
  if (ttlMs <= 0) return 0;
  const seconds = Math.ceil(ttlMs / 1000);
  if (seconds <= longestRelativeSeconds) return seconds;
  return Math.min(Math.floor(serverNow() / 1000) + seconds, latestSecond);
}

export function storeCommand(
  verb: 'set' | 'add',
  key: ByteString,
  expiry: number,
  value: ByteString,
): string {
  return `${verb} ${key} 0 ${expiry} ${value.length}\r\n${value}\r\n`;
}

/** Keys that only the binary protocol could have stored go as base64. Answers: DELETED or HD, NOT_FOUND or NF. */
export function deleteCommand(key: ByteString): string {
  if (keyProblem(key) === undefined) return `delete ${key}\r\n`;
  return `md ${Buffer.from(key, 'latin1').toString('base64')} b\r\n`;
}
