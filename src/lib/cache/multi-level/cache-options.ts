import type { Clock } from '../../core/clock.js';
import type { Codec } from './codec.js';
import type { GuardedLevelOptions, LevelStats } from './guarded-level.js';
import type { QueueLimits, WriteQueue } from './queue.js';
import type { ReadStats } from './reads.js';
import type { RowWriter } from './rows.js';
import type { Duration } from './values.js';

export interface MultiLevelCacheOptions {
  /** The first is asked first. */
  levels: GuardedLevelOptions[];
  /** Which levels keys of a pattern (`*`, `?`, `[a-z]`) live in; the first that matches counts, else all levels. */
  tiers?: { pattern: string; levels: string[] }[] | undefined;
  /** Runs a statement for `wrap`. */
  query?: ((sql: string, params: readonly unknown[]) => Promise<unknown>) | undefined;
  /** Writes rows for `writeThrough`. */
  rows?: RowWriter | undefined;
  /** Queues rows for `writeBehind`, and is asked on a miss before anything is loaded. */
  queue?: WriteQueue | undefined;
  queueLimits?: QueueLimits | undefined;
  /** JSON unless given. */
  codec?: Codec | undefined;
  /** Milliseconds that `getFromRedis` and `setInRedis` wait for a failover. Default 10,000. */
  redisTimeoutMs?: number | undefined;
  clock?: Clock | undefined;
  /** For early refresh: from 0 to 1, 0 excluded. */
  random?: (() => number) | undefined;
}

export interface WriteOptions {
  /** Levels with a shorter time of their own keep to that. */
  ttl?: Duration | undefined;
  tags?: readonly string[] | undefined;
}

export interface WriteBehindCall extends Pick<WriteOptions, 'ttl'> {
  /** That of the call which this one repeats, from its error: the two are applied once. */
  operationId?: string | undefined;
}

export interface LoadOptions extends WriteOptions {
  /** Eagerness of early refresh: 0 never, 1 as in the paper (the default), more is earlier. */
  beta?: number | undefined;
}

export interface CacheStats extends ReadStats {
  hits: number;
  misses: number;
  levels: LevelStats[];
}
