import { setMaxListeners } from 'node:events';

import { openRedis } from '../../clients/redis/client.js';
import { systemClock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { openKeyedLevel } from '../open-keyed-level.js';
import type { KeyedLevel } from '../keyed-level.js';
import { PostgresPool } from '../../clients/postgres/pool.js';
import { partitionKeys, partitionOf } from '../write-behind/keys.js';
import { WriteBehind } from '../write-behind/writer.js';
import type { LostWrite } from '../write-behind/types.js';
import { checkOpenOptions } from './arguments.js';
import type { BreakerSettings } from './breaker.js';
import { MultiLevelCache } from './cache.js';
import type { MultiLevelCacheOptions } from './cache-options.js';
import { type OpenSettings, readOpenSettings, type ReadSettings } from './open-settings.js';
import type { WriteQueue } from './queue.js';
import { PostgresRows } from './rows.js';

export interface OpenOptions extends Omit<
  MultiLevelCacheOptions,
  'levels' | 'tiers' | 'rows' | 'queue' | 'queueLimits'
> {
  /** Milliseconds a level may take, and the queue of write-behind when a read misses. Default 200. */
  levelTimeoutMs?: number | undefined;
  breaker?: BreakerSettings | undefined;
  /** Called for every acknowledged write that a failover of the queue's Redis lost. */
  onLoss?: ((loss: LostWrite) => void) | undefined;
  /** Things to know about the queue's server. */
  warn?: ((message: string) => void) | undefined;
}

const defaultMemoryTtlMs = 60_000;
/** A server that says nothing for so long has its connections dropped, so that a cluster's new master is found. */
const silenceMs = 2000;

/**
 * A cache with the configured levels. A level whose server is away is skipped until it is there; one that refuses us
 * is an error. Memory levels without `ttl` keep entries for a minute, without `size` 64 MiB.
 * @throws ServiceRefused; UserError when the settings are wrong, or a level's system is not configured.
 */
export async function openCache(given: OpenSettings, options: OpenOptions = {}): Promise<MultiLevelCache> {
  checkOpenOptions(options);
  return openRead(readOpenSettings(given), options);
}

/** The same, from settings that were read already. */
export async function openRead(settings: ReadSettings, options: OpenOptions = {}): Promise<MultiLevelCache> {
  const { codec, redisTimeoutMs, random, clock = systemClock, levelTimeoutMs, breaker } = options;
  const impatient = { ...settings, requestTimeoutMs: Math.min(settings.requestTimeoutMs, silenceMs) };
  const opened: KeyedLevel[] = [];
  const pool = settings.postgres && new PostgresPool(settings.postgres, settings);
  let queue: WriteQueue | undefined;
  try {
    if (settings.cache.writeBehind && settings.redis) queue = await openQueue(settings, options);
    for (const level of settings.cache.levels)
      opened.push(await openKeyedLevel(level, impatient, clock, pool));
    return new MultiLevelCache({
      codec,
      redisTimeoutMs,
      random,
      clock,
      levels: opened.map((level, i) => {
        const { type, ttl } = settings.cache.levels[i]!;
        const ttlMs = ttl ?? (type === 'memory' ? defaultMemoryTtlMs : undefined);
        return { level, ttlMs, timeoutMs: levelTimeoutMs, breaker };
      }),
      tiers: settings.cache.tiers,
      queue,
      queueLimits: { timeoutMs: levelTimeoutMs, breaker },
      rows: pool && new PostgresRows(pool, settings.tables ?? settings.cache.writeBehind?.tables ?? {}),
      query:
        options.query ??
        (pool && (async (sql, params) => (await pool.run((client) => client.query(sql, params))).rows)),
    });
  } catch (error) {
    queue?.close();
    await Promise.allSettled([...opened.map((level) => level.close()), pool?.close()]);
    throw error;
  }
}

/** @throws ServiceUnavailable: a queue has to be there; ServiceConflict when its server could lose entries. */
async function openQueue(settings: ReadSettings, { onLoss, warn }: OpenOptions): Promise<WriteQueue> {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const client = await openRedis(settings.redis!, settings, stopping.signal);
  try {
    const { tables, durability } = settings.cache.writeBehind!;
    const { signal } = stopping;
    const queue = await WriteBehind.open(client, { tables, durability, onLoss, warn, signal });
    return {
      writeBehind: (key, value, target, operation, call) =>
        queue.writeBehind(key, value, target, operation, call),
      pendingValue: (key) => queue.pendingValue(key),
      answers: (key) => client.call(['EXISTS', partitionKeys(partitionOf(key, queue.partitions)).pending]),
      close() {
        stopping.abort(new ServiceUnavailable('the cache is closed'));
        queue.close();
        client.close();
      },
    };
  } catch (error) {
    client.close();
    throw error;
  }
}
