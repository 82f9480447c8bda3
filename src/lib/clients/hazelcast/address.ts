import { agreed, readUrl, type UrlShape } from '../../core/url.js';
import type { HazelcastSettings } from '../settings.js';

const defaultPort = 5701;
export const defaultMap = 'metrify';

export interface HazelcastTarget {
  /** `host:port` of each member to begin with. */
  members: string[];
  clusterName: string;
  map: string;
  credentials?: { username: string; password: string };
  /** All members, for messages. */
  label: string;
}

export const hazelcastSchemes = ['hazelcast'];
const shape: UrlShape = { schemes: hazelcastSchemes, parts: ['login'] };

/** Reads `hazelcast://user:password@host:port`. @throws UserError `URL_INVALID` */
function parseHazelcastUrl(text: string) {
  const { username, password, host, port } = readUrl(text, shape);
  const name = host!.includes(':') ? `[${host}]` : host;
  return { member: `${name}:${port ?? defaultPort}`, username, password };
}

/**
 * Where the settings lead; what is not configured has Hazelcast's own defaults. All members have one login, which any of
 * their URLs may say.
 * @throws UserError `URL_INVALID`
 */
export function hazelcastTarget(settings: HazelcastSettings): HazelcastTarget {
  const urls = settings.urls.map(parseHazelcastUrl);
  const members = urls.map(({ member }) => member);
  const username = agreed(urls, 'username', 'users') ?? settings.username;
  const password = agreed(urls, 'password', 'passwords') ?? settings.password;
  return {
    members,
    clusterName: settings.clusterName ?? 'dev',
    map: settings.map ?? defaultMap,
    ...(username === undefined && password === undefined
      ? {}
      : { credentials: { username: username ?? '', password: password ?? '' } }),
    label: members.join(', '),
  };
}
