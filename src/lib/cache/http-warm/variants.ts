import type { ByteString } from '../../core/bytes.js';
import type { LoggedRequest } from '../../access-log/request.js';

/** Request headers by which answers commonly vary, and which tell nothing about a person. */
const varying = ['accept-encoding', 'accept-language', 'accept'] as const;
type Varying = (typeof varying)[number];

/** Undefined: the log does not tell. '': the client sent none. */
export type VariantHeaders = Readonly<Partial<Record<Varying, ByteString>>>;

/** What the log does not tell is asked for as Chrome and Firefox, Safari, crawlers, and the simplest clients do. */
const usualEncodings = ['gzip, deflate, br, zstd', 'gzip, deflate, br', 'gzip', ''];

/** Of one path, its first request among them. */
export const maxVariants = 8;

const longest = 256;
const isHeaderValue = /^[\x20-\x7e]*$/;

/** The headers as part of a counted key, behind the path; '' when the log tells nothing. */
export function variantKey(request: LoggedRequest): string {
  const values = [request.acceptEncoding, request.acceptLanguage, request.accept].map((value) =>
    value !== undefined && value.length <= longest && isHeaderValue.test(value) ? value : undefined,
  );
  return values.every((value) => value === undefined)
    ? ''
    : values.map((value) => `\n${value ?? '\t'}`).join('');
}

export function variantOf(key: string): VariantHeaders {
  const headers: Partial<Record<Varying, ByteString>> = {};
  key
    .split('\n')
    .slice(1)
    .forEach((value, i) => {
      if (value !== '\t') headers[varying[i]!] = value as ByteString;
    });
  return headers;
}

/** What is sent with a path's first request: its most frequent variant. */
export function firstVariant(seen: readonly VariantHeaders[]): VariantHeaders {
  return { 'accept-encoding': usualEncodings[0]! as ByteString, ...seen[0] };
}

/**
 * What else is to be asked for after the first answer: one request for each combination of the headers that its
 * `Vary` names, as the log shows them, most frequent first.
 */
export function otherVariants(seen: readonly VariantHeaders[], vary: string | undefined): VariantHeaders[] {
  const named = new Set((vary ?? '').toLowerCase().split(/\s*,\s*/));
  const relevant = varying.filter((name) => named.has(name));
  if (relevant.length === 0) return [];
  const first = firstVariant(seen);
  const identity = (headers: VariantHeaders) => relevant.map((name) => headers[name] ?? '').join('\n');
  const chosen = new Map<string, VariantHeaders>([[identity(first), first]]);
  const offer = (headers: VariantHeaders) => {
    const id = identity(headers);
    if (chosen.size < maxVariants && !chosen.has(id)) chosen.set(id, headers);
  };
  for (const headers of seen) offer({ 'accept-encoding': usualEncodings[0]! as ByteString, ...headers });
  if (named.has('accept-encoding') && seen.every((headers) => headers['accept-encoding'] === undefined))
    for (const encoding of usualEncodings) offer({ ...first, 'accept-encoding': encoding as ByteString });
  return [...chosen.values()].slice(1);
}
