import { setMaxListeners } from 'node:events';

import type { PostgresPool } from '../clients/postgres/pool.js';
import { openRedis } from '../clients/redis/client.js';
import { requireSystem } from '../clients/systems.js';
import type { Clock } from '../core/clock.js';
import { ServiceUnavailable, UserError } from '../core/errors.js';
import { DatabaseKeyedLevel } from './database/keyed-level.js';
import type { KeyedLevel } from './keyed-level.js';
import { LazyLevel } from './lazy-level.js';
import { MemcachedKeyedLevel } from './memcached/keyed-level.js';
import { MemoryLevel } from './memory/keyed-level.js';
import { RedisKeyedLevel } from './redis/keyed-level.js';
import type { CacheEnvironment, LevelSettings } from './settings.js';

const defaultMemoryBytes = 64 << 20;

/**
 * A level for services. One whose server is away is opened by the first call that finds it there.
 * @param pool where database levels are; there is one if PostgreSQL is configured.
 * @throws ServiceRefused; UserError when the level's system is not configured.
 */
export async function openKeyedLevel(
  level: LevelSettings,
  settings: CacheEnvironment,
  clock: Clock,
  pool: PostgresPool | undefined,
): Promise<KeyedLevel> {
  const open = (): Promise<KeyedLevel> => openNow(level, settings, clock, pool);
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof ServiceUnavailable)) throw error;
    return new LazyLevel(level.name, level.type, open);
  }
}

async function openNow(
  level: LevelSettings,
  settings: CacheEnvironment,
  clock: Clock,
  pool: PostgresPool | undefined,
): Promise<KeyedLevel> {
  const { name, type } = level;
  const user = `level '${name}'`;
  switch (type) {
    case 'memory':
      return new MemoryLevel({ name, maxBytes: level.size ?? defaultMemoryBytes, clock });
    case 'redis': {
      const redis = requireSystem(settings, 'redis', user);
      const stopping = new AbortController();
      // Every call that waits for a failover listens.
      setMaxListeners(0, stopping.signal);
      return new RedisKeyedLevel(name, await openRedis(redis, settings, stopping.signal), clock, stopping);
    }
    case 'memcached': {
      const memcached = requireSystem(settings, 'memcached', user);
      return MemcachedKeyedLevel.open(
        { name, settings: memcached, timeouts: settings, clock },
        new AbortController().signal,
      );
    }
    case 'hazelcast': {
      const { HazelcastKeyedLevel } = await import('./hazelcast/keyed-level.js');
      const hazelcast = requireSystem(settings, 'hazelcast', user);
      return HazelcastKeyedLevel.open(
        { name, settings: hazelcast, timeouts: settings, clock },
        new AbortController().signal,
      );
    }
    case 'database':
      requireSystem(settings, 'postgres', user);
      return new DatabaseKeyedLevel(name, level.table ?? 'metrify_cache', pool!, clock);
    default:
      throw new UserError(`the library has no ${type} level`, { code: 'LEVEL_UNSUPPORTED' });
  }
}
