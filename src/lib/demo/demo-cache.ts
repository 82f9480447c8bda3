import { postgresTarget } from '../clients/postgres/target.js';
import { openRedis, type RedisClient } from '../clients/redis/client.js';
import { errorMessage } from '../core/errors.js';
import { formatCount } from '../core/units.js';
import { databaseCache, redisCache, type ServiceCache } from './cache-aside.js';
import type { DemoDatabase } from './demo-database.js';
import type { Premises } from './premises.js';
import { findRedisServer, startRedis } from './redis.js';
import { toBytes } from '../core/bytes.js';

/** The cache of the demo, and why it is this one. */
export interface DemoCache {
  type: 'redis' | 'database';
  why: string;
  /** Redis: its URLs, comma-separated. */
  url?: string;
  /** As `--confirm` names it. */
  address: string;
  service: ServiceCache;
  /** Somebody else's Redis gets these keys back deleted; what is ours goes as a whole. */
  close(keys: readonly string[]): Promise<void>;
}

const timeouts = { connectTimeoutMs: 3000, requestTimeoutMs: 5000 };

/** The Redis of METRIFY_REDIS_URL when it is empty, else one of our own, else the database level. */
export async function chooseCache(
  premises: Premises,
  database: DemoDatabase,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<DemoCache> {
  const reasons: string[] = [];
  if (env.METRIFY_REDIS_URL) {
    const given = await openGiven(env.METRIFY_REDIS_URL);
    if (typeof given !== 'string') return given;
    reasons.push(given);
  }
  const program = await findRedisServer(env);
  if (program !== undefined) {
    const url = await startRedis(premises, program, env, signal);
    const client = await connect(url);
    reasons.push(`${program} is on the PATH`);
    return {
      type: 'redis',
      why: reasons.join('; '),
      url,
      address: client.address,
      service: redisCache(client),
      async close() {
        client.close();
      },
    };
  }
  reasons.push('there is no redis-server on the PATH', 'so the cache is a table in PostgreSQL');
  return {
    type: 'database',
    why: reasons.join(', '),
    address: (await postgresTarget({ url: database.url })).label,
    service: databaseCache(database.query),
    async close() {},
  };
}

/** @returns why it is not taken, as text. */
async function openGiven(url: string): Promise<DemoCache | string> {
  let client: RedisClient;
  try {
    client = await connect(url);
  } catch (error) {
    return `the Redis of METRIFY_REDIS_URL cannot be used (${errorMessage(error)})`;
  }
  let present = 0;
  for (const { address } of client.masters)
    present += Number(await (await client.connect(address)).call(['DBSIZE']));
  if (present > 0) {
    client.close();
    return `the Redis of METRIFY_REDIS_URL is not empty (keys: ${formatCount(present)}) and is left alone`;
  }
  return {
    type: 'redis',
    why: `METRIFY_REDIS_URL is set, and its database is empty`,
    url,
    address: client.address,
    service: redisCache(client),
    async close(keys) {
      for (const key of keys) await client.call(['UNLINK', toBytes(key)]);
      client.close();
    },
  };
}

/** Its signal never aborts: the keys must go after a Ctrl-C, too, and every call ends within its time-out. */
function connect(url: string): Promise<RedisClient> {
  return openRedis({ nodes: url.split(',') }, timeouts, new AbortController().signal);
}
