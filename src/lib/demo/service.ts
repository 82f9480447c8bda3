import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import type { Query, ServiceCache } from './cache-aside.js';
import { warmQueries } from './schema.js';

const ttlMs = 3_600_000;

interface Endpoint {
  key(meter: string): string;
  sql: string;
  column: string;
}

/** What the service answers, and the cache key it looks under first. */
export const endpoints = {
  '/api/v1/meter-readings': {
    key: (meter: string) => `meter:${meter}:latest`,
    sql: `${warmQueries.latest} where meter_id = $1`,
    column: 'readings',
  },
  '/api/v1/analytics/forecast': {
    key: (meter: string) => `forecast:${meter}`,
    sql: `${warmQueries.forecast} where meter_id = $1`,
    column: 'forecast',
  },
} satisfies Record<string, Endpoint>;

/** The cache keys that the service may write. */
export function cacheKeys(meters: readonly { id: string }[]): string[] {
  return Object.values(endpoints).flatMap(({ key }) => meters.map(({ id }) => key(id)));
}

export interface Service {
  readonly url: string;
  /** Answers from the cache, so far. */
  hits(): number;
  close(): Promise<void>;
}

/**
 * A small cache-aside service: the cache is asked first, then PostgreSQL, whose answer goes into the cache for an
 * hour unless the request says `cache-control: no-store`. The header `x-cache` says where the answer came from.
 */
export async function startService(cache: ServiceCache, query: Query): Promise<Service> {
  let hits = 0;
  const counting: ServiceCache = {
    async get(key) {
      const value = await cache.get(key);
      if (value) hits++;
      return value;
    },
    set: (key, value, ttlMs) => cache.set(key, value, ttlMs),
  };
  const server = createServer((request, response) => {
    answer(request, response, counting, query).catch(() => {
      if (!response.headersSent) respond(response, 503, { error: 'the database does not answer' });
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${portOf(server)}`, hits: () => hits, close: () => close(server) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  cache: ServiceCache,
  query: Query,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://service');
  const endpoint: Endpoint | undefined = Object.hasOwn(endpoints, url.pathname)
    ? endpoints[url.pathname as keyof typeof endpoints]
    : undefined;
  const meter = url.searchParams.get('meter');
  if (url.pathname === '/healthz') return respond(response, 200, { status: 'ok' });
  if (!endpoint) return respond(response, 404, { error: `no such path: ${url.pathname}` });
  if (request.method !== 'GET') return respond(response, 405, { error: 'only GET is answered' });
  if (!meter) return respond(response, 400, { error: 'say which meter: ?meter=ID' });

  const key = endpoint.key(meter);
  // A cache that is away makes the service slow, not wrong.
  const cached = await cache.get(key).catch(() => undefined);
  if (cached) return send(response, 200, cached, 'hit');

  const [row] = await query(endpoint.sql, [meter]);
  if (!row) return respond(response, 404, { error: `no such meter: ${meter}` });
  const body = Buffer.from(row[endpoint.column] as string);
  if (request.headers['cache-control'] !== 'no-store') await cache.set(key, body, ttlMs).catch(() => {});
  send(response, 200, body, 'miss');
}

function respond(response: ServerResponse, status: number, body: object): void {
  send(response, status, Buffer.from(JSON.stringify(body)));
}

function send(response: ServerResponse, status: number, body: Buffer, cache?: 'hit' | 'miss'): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...(cache ? { 'x-cache': cache } : {}),
  });
  response.end(body);
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
