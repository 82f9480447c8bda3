import type { IncomingHttpHeaders } from 'node:http';

/** `hit`: answered from the cache, without asking the origin. `bypass`: the cache had no part in it. */
export type CacheStatus = 'hit' | 'miss' | 'bypass';

/** Headers that say it in a word: NGINX's `$upstream_cache_status` under its usual names, Cloudflare, Fastly, CloudFront, … */
const wordHeaders = [
  ...['x-cache-status', 'cf-cache-status', 'x-proxy-cache', 'x-nginx-cache', 'x-vercel-cache', 'x-cache'],
] as const;

/**
 * What the cache itself says about its answer, and in which header; undefined when it says nothing. In a list the last
 * cache is the nearest to us (RFC 9211, section 2; Fastly's X-Cache).
 */
export function cacheStatus(
  headers: IncomingHttpHeaders,
): { status: CacheStatus; header: string } | undefined {
  const standard = text(headers['cache-status']);
  if (standard !== undefined) {
    const [, ...parameters] = lastOf(standard)
      .split(';')
      .map((part) => part.trim().toLowerCase());
    if (parameters.some((part) => part === 'hit' || part === 'hit=?1'))
      return { status: 'hit', header: 'cache-status' };
    const forwarded = parameters.find((part) => part.startsWith('fwd='));
    if (forwarded) return { status: forwarded === 'fwd=bypass' ? 'bypass' : 'miss', header: 'cache-status' };
  }
  for (const header of wordHeaders) {
    const value = text(headers[header]);
    const status = value === undefined ? undefined : wordStatus(lastOf(value));
    if (status) return { status, header };
  }
  const varnish = text(headers['x-varnish'])?.trim();
  if (varnish !== undefined && /^\d+( \d+)?$/.test(varnish))
    return { status: varnish.includes(' ') ? 'hit' : 'miss', header: 'x-varnish' };
  // Age alone cannot tell a miss from what was stored within this second.
  return Number(text(headers.age)) > 0 ? { status: 'hit', header: 'age' } : undefined;
}

function wordStatus(value: string): CacheStatus | undefined {
  const word = value.trim().toLowerCase();
  // Revalidated and expired mean that the origin was asked.
  if (/\b(?:bypass|dynamic|pass|config_nocache)\b/.test(word)) return 'bypass';
  if (/miss|expired|revalidated|refresh_?hit/.test(word)) return 'miss';
  return /hit|\bstale\b|\bupdating\b/.test(word) ? 'hit' : undefined;
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

function lastOf(list: string): string {
  // Strings of a structured field may hold commas.
  const members = list.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g);
  return members?.at(-1)?.trim() ?? list;
}

/** Whether the answer says that shared caches are not to keep it. Both NGINX and Varnish keep none that sets a cookie. */
export function isNotCacheable(headers: IncomingHttpHeaders): boolean {
  const status = cacheStatus(headers)?.status;
  if (status === 'hit') return false;
  return (
    status === 'bypass' ||
    /(?:^|[\s,])(?:no-store|private|no-cache)\b/i.test(headers['cache-control'] ?? '') ||
    headers.vary?.trim() === '*' ||
    headers['set-cookie'] !== undefined
  );
}
