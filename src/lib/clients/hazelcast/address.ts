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

/** What is not configured has Hazelcast's own defaults. */
export function hazelcastTarget(settings: HazelcastSettings): HazelcastTarget {
  const urls = settings.urls.map((url) => new URL(url));
  const members = urls.map(({ hostname, port }) => `${hostname}:${port || defaultPort}`);
  const login = urls.find(({ username, password }) => username !== '' || password !== '');
  const username = settings.username ?? decodeURIComponent(login?.username ?? '');
  const password = settings.password ?? decodeURIComponent(login?.password ?? '');
  return {
    members,
    clusterName: settings.clusterName ?? 'dev',
    map: settings.map ?? defaultMap,
    ...(username === '' && password === '' ? {} : { credentials: { username, password } }),
    label: members.join(', '),
  };
}
