import { afterAll } from 'vitest';

import { openRedis, type RedisClient } from '../../../src/lib/clients/redis/client.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { silentProgress } from '../../../src/lib/core/progress.js';
import type { Tables } from '../../../src/lib/cache/write-behind/types.js';
import { WriteBehind, type WriteBehindOptions } from '../../../src/lib/cache/write-behind/writer.js';
import {
  runWorker,
  type WorkerOptions,
  type WorkerResult,
} from '../../../src/lib/cache/write-behind/worker.js';
import { ownDatabase, ownRedis, type OwnDatabase, type OwnRedis } from '../../servers/shared.js';

export const timeouts = { connectTimeoutMs: 10_000, requestTimeoutMs: 60_000 };

export interface Bench {
  redis: OwnRedis;
  database: OwnDatabase;
  client: RedisClient;
  warnings: string[];
  writer(options?: Partial<WriteBehindOptions>): Promise<WriteBehind>;
  /** Drains the queue. */
  drain(options?: Partial<WorkerOptions>): Promise<WorkerResult>;
}

let workers = 0;

/** A queue and a database of this test's own. */
export async function queueBench(tables: Tables): Promise<Bench> {
  const [redis, database] = await Promise.all([ownRedis(), ownDatabase()]);
  const stop = new AbortController();
  const client = await openRedis({ nodes: [redis.url] }, timeouts, stop.signal);
  const writers: WriteBehind[] = [];
  const warnings: string[] = [];
  afterAll(() => {
    for (const writer of writers) writer.close();
    client.close();
    stop.abort();
  });
  return {
    redis,
    database,
    client,
    warnings,
    async writer(options = {}) {
      const writer = await WriteBehind.open(client, {
        tables,
        durability: 'memory',
        signal: stop.signal,
        ...options,
      });
      writers.push(writer);
      return writer;
    },
    drain: (options = {}) =>
      runWorker({
        ...timeouts,
        redis: { nodes: [redis.url] },
        postgres: { url: database.url },
        tables,
        durability: 'memory',
        holder: `test:${++workers}`,
        untilEmpty: true,
        batch: 1000,
        leaseMs: 5000,
        connections: 2,
        retentionMs: 86_400_000,
        clock: systemClock,
        progress: silentProgress,
        warn: (message) => warnings.push(message),
        signal: stop.signal,
        ...options,
      }),
  };
}
