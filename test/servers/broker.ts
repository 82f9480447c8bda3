import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

import type { SearchEngine } from './cache-folder.js';
import { startKubernetes, type KubernetesServer } from './kubernetes.js';
import { startLake, type LakeServer } from './lake/server.js';
import { startMemcached, type MemcachedServer } from './memcached.js';
import { startPostgres, type PostgresServer } from './postgres.js';
import { startRedis, type RedisServer } from './redis.js';
import { startRedisCluster, type RedisCluster } from './redis-cluster.js';
import { SearchPool } from './search/pool.js';
import type { Claim } from './search/slots.js';

/** What `POST /<kind>` answers: where the run's server is (URLs; of the lake, its folder), and a number that no other caller has. */
export interface Lease {
  readonly urls: readonly string[];
  readonly number: number;
}

interface Kind {
  start(): Promise<{ urls: readonly string[]; stop(): Promise<void> }>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  postgres: { start: () => startPostgres().then((server: PostgresServer) => one(server, server.url)) },
  redis: { start: () => startRedis().then((server: RedisServer) => one(server, server.url)) },
  'redis-cluster': { start: (): Promise<RedisCluster> => startRedisCluster() },
  kubernetes: { start: (): Promise<KubernetesServer> => startKubernetes() },
  lake: { start: () => startLake().then((server: LakeServer) => one(server, server.folder)) },
  memcached: { start: () => startMemcached().then((server: MemcachedServer) => one(server, server.server)) },
};

function one(server: { stop(): Promise<void> }, url: string): { urls: string[]; stop(): Promise<void> } {
  return { urls: [url], stop: () => server.stop() };
}

export interface Broker {
  readonly url: string;
  /** Stops every server that was asked for. */
  stop(): Promise<void>;
}

/** Starts each shared server when a test file first asks for it, once a run. Lives in the process that outlives the test files. */
export async function startBroker(): Promise<Broker> {
  const servers = new Map<string, ReturnType<Kind['start']>>();
  const leases = new Map<string, number>();

  const lease = async (name: string): Promise<Lease> => {
    const kind = KINDS[name];
    if (!kind) throw new Error(`no server is called ${name}`);
    if (!servers.has(name)) servers.set(name, kind.start());
    const number = leases.get(name) ?? 0;
    leases.set(name, number + 1);
    return { urls: (await servers.get(name)!).urls, number };
  };

  const search = new SearchPool();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const name = (request.url ?? '/').slice(1);
    if (name === 'search') await search.answer((await json(request)) as Claim<SearchEngine>, response);
    else response.end(JSON.stringify(await lease(name)));
  };

  const http: Server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async stop() {
      http.close();
      http.closeAllConnections();
      const stops = [...servers.values()].map(async (server) => (await server).stop());
      await Promise.allSettled([...stops, search.stop()]);
    },
  };
}
