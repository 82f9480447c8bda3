import type { ByteString } from '../../core/bytes.js';
import { type CommandPart, encodeCommand } from './resp.js';

/** Answers with that number, as a bulk string: what comes in its place shows answers too many, or too few. */
export function fenceCommand(fence: number): string {
  return encodeCommand(['PING', `${fence}`]);
}

/** Before a command whose slot is on its way to the server that is asked. Answers: OK. */
export const askingCommand = encodeCommand(['ASKING']);

/**
 * A function that encodes `SET`, made once for many: half of a bulk write's own work is done here.
 * @param nx write only what does not exist. Answers: OK, or null for a key that exists.
 */
export function setEncoder(nx: boolean): (key: ByteString, value: ByteString, ttlMs: number) => string {
  const end = nx ? '\r\n$2\r\nNX\r\n' : '\r\n';
  const extra = nx ? 1 : 0;
  const plain = `*${3 + extra}\r\n$3\r\nSET\r\n$`;
  const timed = `*${5 + extra}\r\n$3\r\nSET\r\n$`;
  // Mostly the one of the command before.
  let expiry = { ttlMs: 0, text: end };
  return (key, value, ttlMs) => {
    if (expiry.ttlMs !== ttlMs)
      expiry = { ttlMs, text: ttlMs > 0 ? `\r\n${expiryOption(ttlMs)}${end}` : end };
    return `${ttlMs > 0 ? timed : plain}${key.length}\r\n${key}\r\n$${value.length}\r\n${value}${expiry.text}`;
  };
}

/** The last two words of `SET`, without the line's end. */
function expiryOption(ttlMs: number): string {
  const seconds = ttlMs % 1000 === 0;
  const ttl = String(seconds ? ttlMs / 1000 : ttlMs);
  return `${seconds ? '$2\r\nEX' : '$2\r\nPX'}\r\n$${ttl.length}\r\n${ttl}`;
}

/** Answers: 1, or 0 for a key that is not there. */
export function unlinkCommand(key: ByteString): string {
  return `*2\r\n$6\r\nUNLINK\r\n$${key.length}\r\n${key}\r\n`;
}

/** `EVAL`: runs a script on keys of one slot. */
export function evalCommand(
  script: ByteString,
  keys: readonly ByteString[],
  args: readonly CommandPart[],
): string {
  return encodeCommand(['EVAL', script, `${keys.length}`, ...keys, ...args]);
}

/** A page of a walk: answers the next cursor, `0` after the last page, and the keys. */
export function scanCommand(cursor: ByteString, count: number, pattern?: ByteString): string {
  return encodeCommand([
    'SCAN',
    cursor,
    ...(pattern === undefined ? [] : (['MATCH', pattern] as const)),
    'COUNT',
    `${count}`,
  ]);
}

/** A function that encodes a command with the key in place of `undefined`: `['PTTL', undefined]`. */
export function keyCommand(words: readonly (string | undefined)[]): (key: ByteString) => string {
  const at = words.indexOf(undefined);
  const encode = (list: readonly (string | undefined)[]) =>
    list.map((word) => `$${word!.length}\r\n${word}\r\n`).join('');
  const before = `*${words.length}\r\n${encode(words.slice(0, at))}$`;
  const after = encode(words.slice(at + 1));
  return (key) => `${before}${key.length}\r\n${key}\r\n${after}`;
}
