import { UserError } from '../../core/errors.js';

export interface ServerAddress {
  /** Host name, or the path of a Unix socket (then `port` is 0). */
  host: string;
  port: number;
  /** `host:port` or the path: for messages, and what the hash ring is built of. */
  label: string;
}

export const defaultPort = 11_211;

/**
 * Reads `host`, `host:port`, `[::1]:port` or a Unix socket's absolute path.
 * @throws UserError when it is none of these.
 */
export function parseAddress(text: string): ServerAddress {
  if (text.startsWith('/')) return { host: text, port: 0, label: text };
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?$/i.exec(text);
  const port = Number(match?.[3] ?? defaultPort);
  if (!match || port < 1 || port > 65_535) {
    throw new UserError(`'${text}' is not the address of a memcached server`, {
      hint: 'Write it like 127.0.0.1:11211, [::1]:11211 or /run/memcached.sock.',
      code: 'ADDRESS',
    });
  }
  const host = (match[1] ?? match[2])!;
  return { host, port, label: match[1] === undefined ? `${host}:${port}` : `[${host}]:${port}` };
}
