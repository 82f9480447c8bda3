import { requireSystem } from '../clients/systems.js';
import type { Clock } from '../core/clock.js';
import { UserError } from '../core/errors.js';
import type { BulkLevel } from './bulk-level.js';
import type { CacheEnvironment, CacheSettings, LevelSettings } from './settings.js';

/**
 * The configured level of that name, else the first of that type; without a name the first that a command can
 * reach.
 * @throws UserError exit 2 listing the levels there are.
 */
export function findLevel(settings: CacheSettings, name: string | undefined): LevelSettings {
  const { levels } = settings;
  const level =
    name === undefined
      ? levels.find(({ type }) => type !== 'memory')
      : (levels.find((level) => level.name === name) ?? levels.find(({ type }) => type === name));
  if (level?.type === 'memory' || (level === undefined && name === 'memory'))
    throw new UserError('a memory level lives inside a service; commands cannot reach it', {
      code: 'LEVEL_MEMORY',
      hint: 'Name another level with --level or --to.',
    });
  if (level) return level;
  if (levels.length === 0)
    throw new UserError('no cache is configured', {
      code: 'LEVEL_MISSING',
      hint: 'Set METRIFY_REDIS_URL, METRIFY_MEMCACHED_SERVERS, METRIFY_HAZELCAST_URL or METRIFY_POSTGRES_URL, or write a metrify.config.yaml.',
    });
  throw new UserError(`there is no cache level '${name}'`, {
    code: 'LEVEL_MISSING',
    hint: `Configured: ${levels.map(({ name, type }) => (name === type ? name : `${name} (${type})`)).join(', ')}.`,
  });
}

/** @throws ServiceUnavailable, ServiceRefused; UserError exit 2 when the level's system is not configured. */
export async function openBulkLevel(
  level: LevelSettings,
  settings: CacheEnvironment,
  clock: Clock,
  signal: AbortSignal,
): Promise<BulkLevel> {
  const { name } = level;
  const timeouts = settings;
  const user = `level '${name}'`;
  switch (level.type) {
    case 'redis': {
      const { openRedisBulkLevel } = await import('./redis/bulk-level.js');
      return openRedisBulkLevel({ name, settings: requireSystem(settings, 'redis', user), timeouts }, signal);
    }
    case 'memcached': {
      const { openMemcachedBulkLevel } = await import('./memcached/bulk-level.js');
      const memcached = requireSystem(settings, 'memcached', user);
      return openMemcachedBulkLevel({ name, settings: memcached, timeouts, clock }, signal);
    }
    case 'hazelcast': {
      const { openHazelcastBulkLevel } = await import('./hazelcast/bulk-level.js');
      const hazelcast = requireSystem(settings, 'hazelcast', user);
      return openHazelcastBulkLevel({ name, settings: hazelcast, timeouts, clock }, signal);
    }
    case 'database': {
      const { openDatabaseBulkLevel } = await import('./database/bulk-level.js');
      const postgres = requireSystem(settings, 'postgres', user);
      const table = level.table ?? 'metrify_cache';
      return openDatabaseBulkLevel({ name, table, settings: postgres, timeouts, clock }, signal);
    }
    default:
      throw new UserError(`commands cannot reach a ${level.type} level`, { code: 'LEVEL_UNSUPPORTED' });
  }
}
