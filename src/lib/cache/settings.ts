import type { Systems } from '../clients/systems.js';

export type LevelType = 'memory' | 'redis' | 'memcached' | 'hazelcast' | 'database';

export interface LevelSettings {
  name: string;
  type: LevelType;
  /** Bytes the level may hold. */
  size?: number | undefined;
  /** Milliseconds; entries written without a time to live of their own get this one. */
  ttl?: number | undefined;
  /** The database level's table. */
  table?: string | undefined;
}

export interface CacheSettings {
  /** The first is asked first. */
  levels: LevelSettings[];
  tiers: { pattern: string; levels: string[] }[];
  writeBehind?:
    { tables: Record<string, { key: string[] }>; durability: 'memory' | 'replica' | 'fsync' } | undefined;
}

/** The part of an environment's configuration that opening levels needs. */
export interface CacheEnvironment extends Systems {
  cache: CacheSettings;
}
