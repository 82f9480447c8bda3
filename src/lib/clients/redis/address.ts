import { UserError } from '../../core/errors.js';
import { agreed, readUrl, type UrlShape } from '../../core/url.js';
import type { RedisSettings } from '../settings.js';

export interface RedisAddress {
  host: string;
  port: number;
}

/** How one server, or a cluster through any of its nodes, is reached. */
export interface RedisTarget {
  /** At least one. */
  addresses: RedisAddress[];
  tls: boolean;
  username: string | undefined;
  password: string | undefined;
  database: number;
}

/** Of one URL: undefined is what it does not say. */
interface RedisUrl {
  address: RedisAddress;
  tls: boolean;
  username: string | undefined;
  password: string | undefined;
  database: number | undefined;
}

export const redisSchemes = ['redis', 'rediss'];
const shape: UrlShape = { schemes: redisSchemes, parts: ['login', 'path'] };

/** Reads `redis://user:password@host:port/database`. @throws UserError `URL_INVALID` */
export function parseRedisUrl(text: string): RedisUrl {
  const { scheme, username, password, host, port, path } = readUrl(text, shape);
  if (!/^\d*$/.test(path))
    throw new UserError('is a URL whose path is not a database number', {
      code: 'URL_INVALID',
      hint: 'Write it like redis://host:6379/0.',
    });
  return {
    address: { host: host!, port: port ?? 6379 },
    tls: scheme === 'rediss',
    username,
    password,
    database: path === '' ? undefined : Number(path),
  };
}

/**
 * Where the settings lead. All nodes have one login and one database, which any of their URLs may say.
 * @throws UserError `URL_INVALID`
 */
export function redisTarget({ nodes, username, password }: RedisSettings): RedisTarget {
  const urls = nodes.map(parseRedisUrl);
  return {
    addresses: urls.map(({ address }) => address),
    tls: agreed(urls, 'tls', 'schemes')!,
    username: agreed(urls, 'username', 'users') ?? username,
    password: agreed(urls, 'password', 'passwords') ?? password,
    database: agreed(urls, 'database', 'database numbers') ?? 0,
  };
}
