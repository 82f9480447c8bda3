import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import { encodeText } from '../../core/url.js';
import type { HttpRequest } from '../../http/client.js';

export interface SearchRequest {
  /** `GET` by default. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Below the service's URL, encoded, without a query: `/sensors/_search`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Buffer | undefined;
  /** Of the body; `application/json` by default. */
  readonly contentType?: string;
  /** Of the answer; 256 MiB by default. */
  readonly maxBodyBytes?: number;
  /** What the server's lists of tasks and its logs call this request, in place of the connection's name. */
  readonly opaqueId?: string;
}

/** A request of HTTP that is not signed in yet. */
export interface PackedRequest extends HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | undefined;
}

/** A page of hits may have documents of many megabytes. */
const usualMaxBodyBytes = 256 * 1024 * 1024;
/** Shorter bodies are not worth the time. */
const leastGzipBytes = 1024;

/** @param isGzip whether bodies are to travel as gzip */
export async function packed(
  { method = 'GET', path, query = {}, body, contentType, maxBodyBytes, opaqueId }: SearchRequest,
  isGzip: boolean,
): Promise<PackedRequest> {
  const search = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeText(name)}=${encodeText(value)}`],
  );
  const packs = isGzip && body !== undefined && Buffer.byteLength(body) >= leastGzipBytes;
  return {
    method,
    path: search.length === 0 ? path : `${path}?${search.join('&')}`,
    body: packs ? await gzipped(body, { level: 1 }) : body,
    maxBodyBytes: maxBodyBytes ?? usualMaxBodyBytes,
    gzip: isGzip,
    // Servers refuse a type without a body, and Elasticsearch 8 and 9 any that asks for another version's compatibility.
    headers: {
      ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
      ...(packs ? { 'content-encoding': 'gzip' } : {}),
      ...(opaqueId === undefined ? {} : { 'x-opaque-id': opaqueId }),
    },
  };
}

const gzipped = promisify(gzip);
