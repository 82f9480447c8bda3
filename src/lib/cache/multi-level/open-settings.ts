import * as z from 'zod/mini';

import { hazelcastSection } from '../../clients/hazelcast/section.js';
import { memcachedSection } from '../../clients/memcached/section.js';
import { postgresSection } from '../../clients/postgres/section.js';
import { redisSection } from '../../clients/redis/section.js';
import type { TlsSettings } from '../../clients/settings.js';
import { UserError } from '../../core/errors.js';
import { read } from '../../core/schema/findings.js';
import { pathName } from '../../core/schema/leaves.js';
import { duration } from '../../core/schema/setting.js';
import { cacheSchema, completeCache, levelContradictions, writtenTables } from '../section.js';
import type { CacheEnvironment, LevelSettings } from '../settings.js';

/** Milliseconds, or text with a unit: `500ms 30s 5m 1h 7d`. */
export type DurationSetting = number | string;

/**
 * One environment of `metrify.config.yaml`, as far as a cache needs it. In addition to the text that the file has, a
 * duration may be a number of milliseconds and a size a number of bytes. Whatever is not known here is refused.
 */
export interface OpenSettings {
  /** Default 5s. */
  connectTimeout?: DurationSetting | undefined;
  /** Default 30s. */
  requestTimeout?: DurationSetting | undefined;
  /** The same as `connectTimeout`, in milliseconds. */
  connectTimeoutMs?: number | undefined;
  /** The same as `requestTimeout`, in milliseconds. */
  requestTimeoutMs?: number | undefined;
  /** `url` is one URL, or several with commas; or `nodes`. Several mean a cluster. */
  redis?:
    | (TlsSettings & {
        url?: string | string[] | undefined;
        nodes?: string[] | undefined;
        username?: string | undefined;
        password?: string | undefined;
      })
    | undefined;
  memcached?: { servers: string | string[] } | undefined;
  hazelcast?:
    | {
        url: string | string[];
        clusterName?: string | undefined;
        map?: string | undefined;
        username?: string | undefined;
        password?: string | undefined;
      }
    | undefined;
  postgres?: (TlsSettings & { url: string }) | undefined;
  cache: {
    /** The first is asked first. */
    levels: (Pick<LevelSettings, 'name' | 'type' | 'table'> & {
      /** Bytes that a memory level may hold, or text with a unit. */
      size?: number | string | undefined;
      /** Time to live of what is written without one. */
      ttl?: DurationSetting | undefined;
    })[];
    tiers?: { pattern: string; levels: string[] }[] | undefined;
    writeBehind?:
      | {
          tables?: Record<string, { key: string[] }> | undefined;
          durability?: 'memory' | 'replica' | 'fsync' | undefined;
        }
      | undefined;
  };
  /** Key columns of the tables that are written through. Default: those of `cache.writeBehind.tables`. */
  tables?: Record<string, { key: string[] }> | undefined;
}

/** The same, read: what `openCache` and the command line work with. */
export interface ReadSettings extends CacheEnvironment {
  tables?: Record<string, { key: string[] }> | undefined;
}

const schema = z.strictObject({
  connectTimeout: z.optional(duration({ help: 'how long a connection may take' })),
  requestTimeout: z.optional(duration({ help: 'how long an answer may take' })),
  connectTimeoutMs: z.optional(duration({ help: 'the same in milliseconds' })),
  requestTimeoutMs: z.optional(duration({ help: 'the same in milliseconds' })),
  redis: z.optional(redisSection.schema),
  memcached: z.optional(memcachedSection.schema),
  hazelcast: z.optional(hazelcastSection.schema),
  postgres: z.optional(postgresSection.schema),
  cache: cacheSchema,
  tables: z.optional(writtenTables),
});

/** @throws UserError `SETTINGS_INVALID`, with everything that is wrong, or `LEVEL_MISSING` */
export function readOpenSettings(given: OpenSettings): ReadSettings {
  // Services in plain JavaScript come here without a type check.
  const levels = (given as Partial<OpenSettings> | undefined)?.cache?.levels;
  if (levels === undefined || (Array.isArray(levels) && levels.length === 0))
    throw new UserError('openCache needs cache.levels, and there are none', {
      code: 'LEVEL_MISSING',
      hint: "For example: cache: { levels: [{ name: 'hot', type: 'memory' }, { name: 'warm', type: 'redis' }] }",
    });
  const { value, findings } = read(schema, given);
  const wrong =
    value === undefined
      ? findings
      : levelContradictions(value.cache).map((one) => ({ ...one, path: ['cache', ...one.path] }));
  if (value === undefined || wrong.length > 0)
    throw new UserError(
      `openCache: ${wrong.map(({ path, message }) => `${pathName(path)}: ${message}`).join('; ')}`,
      {
        code: 'SETTINGS_INVALID',
        hint: 'The settings are those of metrify.config.yaml: docs/configuration.md',
      },
    );
  const { connectTimeout, requestTimeout, connectTimeoutMs, requestTimeoutMs, cache, ...systems } = value;
  return {
    ...systems,
    connectTimeoutMs: connectTimeoutMs ?? connectTimeout ?? 5000,
    requestTimeoutMs: requestTimeoutMs ?? requestTimeout ?? 30_000,
    cache: completeCache(cache, systems),
  };
}
