import type { UrlParts } from '../core/url.js';

/** The `authorization` of a URL's user and password; undefined when it has neither. */
export function basicAuthorization({
  username,
  password,
}: Pick<UrlParts, 'username' | 'password'>): string | undefined {
  if (username === undefined && password === undefined) return undefined;
  return `Basic ${Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')}`;
}
