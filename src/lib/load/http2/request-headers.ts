import type { OutgoingHttpHeaders } from 'node:http2';

import type { PreparedRequest } from '../job.js';

/** They speak of one connection of HTTP/1.1, and are malformed in HTTP/2 (RFC 9113, 8.2.2). */
const ofTheConnection: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** A request that is sent again and again is one object. */
const headersOf = new WeakMap<PreparedRequest, Readonly<OutgoingHttpHeaders>>();

/** The headers of a request for HTTP/2: `Host` is its authority. @param scheme `http` or `https` */
export function http2Headers(request: PreparedRequest, scheme: string): Readonly<OutgoingHttpHeaders> {
  let headers = headersOf.get(request);
  if (!headers) headersOf.set(request, (headers = translate(request, scheme)));
  return headers;
}

function translate({ method, path, headers }: PreparedRequest, scheme: string): OutgoingHttpHeaders {
  const translated: Record<string, string | string[]> = {
    ':method': method,
    ':path': path,
    ':scheme': scheme,
  };
  for (const [name, value] of headers) {
    const key = name.toLowerCase() === 'host' ? ':authority' : name.toLowerCase();
    if (ofTheConnection.has(key)) continue;
    const before = translated[key];
    translated[key] = before === undefined ? value : [before, value].flat();
  }
  return translated;
}
