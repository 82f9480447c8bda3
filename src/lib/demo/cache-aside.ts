/** The little that the service needs of a cache. */
export interface ServiceCache {
  get(key: string): Promise<Buffer | undefined>;
  set(key: string, value: Buffer, ttlMs: number): Promise<void>;
}

/** Runs one statement and returns its rows. */
export type Query = (text: string, params?: readonly unknown[]) => Promise<Record<string, unknown>[]>;

/** A Redis, single or cluster. */
export function redisCache(client: { call(args: readonly string[]): Promise<unknown> }): ServiceCache {
  return {
    async get(key) {
      const value = await client.call(['GET', key]);
      return typeof value === 'string' ? Buffer.from(value, 'latin1') : undefined;
    },
    async set(key, value, ttlMs) {
      await client.call(['SET', key, bytesOf(value), 'PX', String(ttlMs)]);
    },
  };
}

/** The `database` level's table. */
export function databaseCache(query: Query): ServiceCache {
  return {
    async get(key) {
      const [row] = await query(
        'select value from metrify_cache where key = $1 and (expires_at is null or expires_at > now())',
        [key],
      );
      return row?.value as Buffer | undefined;
    },
    async set(key, value, ttlMs) {
      await query(
        `insert into metrify_cache (key, value, expires_at) values ($1, $2, now() + $3 * interval '1 ms')
         on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at`,
        [key, value, ttlMs],
      );
    },
  };
}
import { bytesOf } from '../core/bytes.js';
