import type { ByteString } from '../../core/bytes.js';
import { systemClock, type Clock } from '../../core/clock.js';
import { ServiceUnavailable, UserError } from '../../core/errors.js';
import type { Found } from '../keyed-level.js';
import type { Operation, Queued, RowTarget } from '../write-behind/types.js';
import type {
  CacheStats,
  LoadOptions,
  MultiLevelCacheOptions,
  WriteBehindCall,
  WriteOptions,
} from './cache-options.js';
import {
  checkCacheOptions,
  checkLoad,
  checkQuery,
  checkRowWrite,
  checkTag,
  checkVersion,
  checkWriteOptions,
  keyOf,
} from './arguments.js';
import { json } from './codec.js';
import { GuardedLevel } from './guarded-level.js';
import { queryKey } from './query-key.js';
import { QueuedValues } from './queue.js';
import { Reads, type Load } from './reads.js';
import { RedisAlone } from './redis-alone.js';
import { Tags, wrapTags } from './tags.js';
import { Tiers } from './tiers.js';
import { type Duration, Values } from './values.js';
import { cacheStale, leasesOf, writeLevels, type Write, type WriteLeases } from './writes.js';

/**
 * A cache of several levels. Within one instance no read that starts after another ended gives an older value than
 * that one gave, provided that a key's writes go through `writeThrough`, or through this library's `set` and `delete`.
 * What other instances keep in their memory levels may be older by up to that level's time to live.
 */
export class MultiLevelCache {
  readonly #options: MultiLevelCacheOptions;
  readonly #levels: GuardedLevel[];
  readonly #tiers: Tiers;
  readonly #clock: Clock;
  readonly #values: Values;
  readonly #redis: RedisAlone;
  readonly #tags: Tags;
  readonly #reads: Reads;
  readonly #queued: QueuedValues | undefined;
  readonly #writing = new Map<ByteString, Promise<void>>();
  #hits = 0;
  #misses = 0;
  #closed = false;

  /** @throws UserError when a tier names a level that is not there, or two levels have one name. */
  constructor(options: MultiLevelCacheOptions) {
    checkCacheOptions(options);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#values = new Values(options.codec ?? json, this.#clock);
    this.#redis = new RedisAlone(options.levels, options.redisTimeoutMs ?? 10_000, this.#clock);
    this.#levels = options.levels.map((level) => new GuardedLevel(level, this.#clock));
    this.#tiers = new Tiers(this.#levels, options.tiers ?? []);
    // Tags live longer than entries, in a level that all instances share where there is one.
    const shared = options.levels.filter(({ level }) => level.peek === undefined);
    const home = shared.find(({ level }) => level.type === 'redis') ?? shared[0] ?? options.levels[0];
    if (!home) throw new UserError('a cache needs at least one level', { code: 'LEVEL_MISSING' });
    this.#tags = new Tags(new GuardedLevel({ ...home, ttlMs: undefined }, this.#clock), this.#clock);
    const { queue, queueLimits = {} } = options;
    this.#queued = queue && new QueuedValues(queue, queueLimits, this.#clock);
    this.#reads = new Reads(this.#tags, this.#clock, options.random ?? (() => 1 - Math.random()));
  }

  /**
   * The value, or undefined. Levels that fail are passed over; the queue of write-behind, which a miss asks, cannot be.
   * @throws ServiceUnavailable `QUEUE_UNAVAILABLE`, `WRITE_PENDING`; never without write-behind.
   */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    this.#checkOpen();
    const bytes = keyOf(key);
    const levels = this.#tiers.of(bytes);
    const queued = this.#queued;
    const found =
      this.#reads.atOnce(bytes, levels) ??
      (await this.#reads.read(bytes, levels, queued && (() => queued.of(bytes))));
    if (found) this.#hits++;
    else this.#misses++;
    return found && (this.#values.decode(found) as T);
  }

  /**
   * The value, loaded when no level has it. Concurrent calls for a key load once, and each gets its own copy. A value
   * that took long to load is loaded again in the background, probably, before its time is over. What `load` returns
   * goes through the codec before it is returned, so that a hit and a miss look alike; undefined is not cached.
   * @throws what `load` throws, and what `get` throws, without loading.
   */
  getOrLoad<T>(key: string, load: () => Promise<T>, options: LoadOptions = {}): Promise<T> {
    return this.#readOrLoad(key, load, options, this.#queued);
  }

  /** A query's result, cached by statement and parameters. Rows come back as the codec gives them: dates as text. */
  async wrap<T = Record<string, unknown>[]>(
    sql: string,
    params: readonly unknown[] = [],
    options: LoadOptions = {},
  ): Promise<T> {
    this.#checkOpen();
    checkQuery(sql, params);
    const { query } = this.#options;
    if (!query) throw new UserError('this cache has nothing to query', { code: 'NOT_CONFIGURED' });
    // The queue knows rows by their keys, and nothing of queries.
    return (await this.#readOrLoad(queryKey(sql, params), () => query(sql, params), options, undefined)) as T;
  }

  /**
   * Sets the key in all its levels; of several sets without a version the last one wins.
   * @throws ServiceUnavailable `CACHE_STALE` when a level failed and may hold an older value.
   */
  async set(key: string, value: unknown, options: WriteOptions = {}): Promise<void> {
    this.#checkOpen();
    const bytes = keyOf(key);
    checkWriteOptions(options);
    const found = await this.#encode(value, options);
    await this.#inOrder(bytes, () =>
      this.#write({ key: bytes, found }, 'the value is set, but', 'no cache level took the value, and'),
    );
  }

  /** @throws ServiceUnavailable `CACHE_STALE` when a level failed and may hold the value still. */
  async delete(key: string): Promise<void> {
    this.#checkOpen();
    const bytes = keyOf(key);
    await this.#inOrder(bytes, () =>
      this.#write(
        { key: bytes, found: undefined },
        'the key is removed, but',
        'no cache level removed the key, and',
      ),
    );
  }

  /**
   * Makes every entry with the tag invalid, however many there are. Other instances trust a tag for up to a second
   * on hits of their memory level.
   * @throws ServiceUnavailable
   */
  async invalidateTag(tag: string): Promise<void> {
    this.#checkOpen();
    checkTag(tag);
    await this.#tags.invalidate(tag);
  }

  /**
   * Writes the row, then the caches. The row is committed when this resolves, and when it rejects with `CACHE_STALE`.
   * Writes of one row are ordered by their commits, so the key has to be the row's own. After any other error of the
   * database the key is removed, because the row may have been written.
   * @param value what the cache holds for the row; ignored by `delete`.
   * @throws ServiceUnavailable `CACHE_STALE`: the row is written, and a level may hold an older value; what
   * `RowWriter.write` throws.
   */
  async writeThrough(
    key: string,
    value: unknown,
    target: RowTarget,
    operation: Operation = 'upsert',
    options: Pick<WriteOptions, 'ttl'> = {},
  ): Promise<void> {
    this.#checkOpen();
    const bytes = keyOf(key);
    checkRowWrite('writeThrough', target, operation, options);
    const { rows } = this.#options;
    if (!rows) throw new UserError('this cache has no database to write to', { code: 'NOT_CONFIGURED' });
    const encoded = operation === 'delete' ? undefined : this.#values.encode(value);
    const leases = await this.leases(key);
    const version = await this.#removedIfUnknown(key, rows.write(target, operation));
    const found =
      encoded === undefined ? undefined : { value: encoded, expiresAt: this.#values.expiry(options.ttl) };
    await this.#write({ key: bytes, found, version, leases }, 'the row is written, but');
  }

  /**
   * Queues the row, then writes the caches; `metrify cache worker` takes it to the database soon after. A key is
   * written through or behind, not both: their versions come from different sources.
   * @param value what the cache holds for the row; ignored by `delete`.
   * @throws UserError before anything is queued; ServiceUnavailable `QUEUE_FULL`, `NOT_REPLICATED`, `WRITE_UNCERTAIN`
   * (their hints say what is queued; the key is removed), `CACHE_STALE`: the row is queued, and a level may hold an
   * older value.
   */
  async writeBehind(
    key: string,
    value: unknown,
    target: RowTarget,
    operation: Operation = 'upsert',
    options: WriteBehindCall = {},
  ): Promise<Queued> {
    this.#checkOpen();
    const bytes = keyOf(key);
    checkRowWrite('writeBehind', target, operation, options);
    const { ttl, operationId: repeated } = options;
    const { queue } = this.#options;
    if (!queue)
      throw new UserError('this cache has no queue: cache.writeBehind is not configured', {
        code: 'NOT_CONFIGURED',
      });
    const encoded = operation === 'delete' ? null : this.#values.encode(value);
    const leases = await this.leases(key);
    const { operationId, id, version, requeued } = await this.#removedIfUnknown(
      key,
      queue.writeBehind(bytes, encoded, target, operation, { operationId: repeated }),
    );
    // What was queued again may have been applied before later writes: readers ask the queue, which knows.
    const gone = encoded === null || requeued;
    const found = gone ? undefined : { value: encoded, expiresAt: this.#values.expiry(ttl) };
    await this.#write({ key: bytes, found, version, leases }, 'the row is queued, but');
    return { operationId, id, version, requeued };
  }

  /** The key's state in its levels: taken before a write is recorded elsewhere, and given to `setVersioned` after. */
  async leases(key: string): Promise<WriteLeases> {
    this.#checkOpen();
    const bytes = keyOf(key);
    return leasesOf(bytes, this.#tiers.of(bytes));
  }

  /**
   * Sets the key, or removes it (`undefined`), unless a newer version was written. Without `leases` a value that
   * readers loaded is removed instead of overwritten, because it may be the newer one.
   * @param version more than 0; versions of a key come from one source.
   * @throws ServiceUnavailable `CACHE_STALE`
   */
  async setVersioned(
    key: string,
    value: unknown,
    version: bigint,
    ttl?: Duration,
    leases?: WriteLeases,
  ): Promise<void> {
    this.#checkOpen();
    const bytes = keyOf(key);
    checkVersion(version);
    const found =
      value === undefined
        ? undefined
        : { value: this.#values.encode(value), expiresAt: this.#values.expiry(ttl) };
    await this.#write({ key: bytes, found, version, leases }, 'the write is recorded, but');
  }

  /**
   * Sets the key in the Redis level alone; waits for a failover up to `redisTimeoutMs`.
   * @throws ServiceUnavailable; UserError without a Redis level.
   */
  async setInRedis(key: string, value: unknown, ttl?: Duration): Promise<void> {
    this.#checkOpen();
    const bytes = keyOf(key);
    const found = { value: this.#values.encode(value), expiresAt: this.#values.expiry(ttl) };
    await this.#redis.persist((level) => level.set(bytes, found, undefined));
  }

  /** Reads from the Redis level alone, as `setInRedis`. @throws ServiceUnavailable; UserError without a Redis level. */
  async getFromRedis<T = unknown>(key: string): Promise<T | undefined> {
    this.#checkOpen();
    const bytes = keyOf(key);
    const { found } = await this.#redis.persist((level) => level.lookup(bytes));
    return found && (this.#values.decode(found) as T);
  }

  stats(): CacheStats {
    const levels = this.#levels.map((level) => level.stats());
    return { hits: this.#hits, misses: this.#misses, ...this.#reads.stats, levels };
  }

  /** Every later call but this and `stats` is a UserError `CACHE_CLOSED`. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { rows, queue } = this.#options;
    queue?.close();
    await Promise.all([...this.#levels.map(({ level }) => level.close()), rows?.close()]);
  }

  /** @throws UserError `CACHE_CLOSED` */
  #checkOpen(): void {
    if (this.#closed) throw new UserError('the cache is closed', { code: 'CACHE_CLOSED' });
  }

  async #readOrLoad<T>(
    name: string,
    load: () => Promise<T>,
    options: LoadOptions,
    queued: QueuedValues | undefined,
  ): Promise<T> {
    this.#checkOpen();
    const key = keyOf(name);
    checkLoad(load, options);
    const levels = this.#tiers.of(key);
    let loaded = false;
    const loader: Load = async () => {
      loaded = true;
      return (await queued?.of(key)) ?? this.#load(load, options);
    };
    const found = this.#reads.atOnce(key, levels) ?? (await this.#reads.read(key, levels, loader));
    if (loaded) this.#misses++;
    else this.#hits++;
    // Then the loader gave undefined, and T includes it.
    if (!found) return undefined as T;
    const beta = options.beta ?? 1;
    if (!loaded && this.#reads.isDue(found, beta)) this.#reads.refresh(key, levels, beta, loader);
    return this.#values.decode(found) as T;
  }

  /** Where it is not known what became of a row, the levels may hold an older value. */
  async #removedIfUnknown<T>(key: string, written: Promise<T>): Promise<T> {
    try {
      return await written;
    } catch (error) {
      if (error instanceof ServiceUnavailable) await this.delete(key).catch(() => {});
      throw error;
    }
  }

  /** @param what was done, for messages; `none` where no level took it */
  async #write(write: Write, what: string, none = what): Promise<void> {
    const { key } = write;
    // Reads that began before, or while levels still differ, must not be joined by those that come after.
    this.#reads.forget(key);
    const levels = this.#tiers.of(key);
    const stale = await writeLevels(write, levels).finally(() => this.#reads.forget(key));
    if (stale.length > 0) throw cacheStale(key, stale, stale.length < levels.length ? what : none);
  }

  /** Writes of a key without versions go one after the other, so that all levels see them in one order. */
  async #inOrder(key: ByteString, work: () => Promise<void>): Promise<void> {
    const before = this.#writing.get(key);
    const mine = before ? before.then(work) : work();
    const over = mine.catch(() => {});
    this.#writing.set(key, over);
    try {
      await mine;
    } finally {
      if (this.#writing.get(key) === over) this.#writing.delete(key);
    }
  }

  async #load<T>(load: () => Promise<T>, options: LoadOptions): Promise<Found | undefined> {
    const startedAt = this.#clock.monotonic();
    const { tags } = options;
    // Stamps first: what is invalidated while the value is being loaded makes it invalid.
    const stamps = tags && tags.length > 0 ? await this.#tags.stamps(tags).catch(() => null) : undefined;
    const value = await load();
    if (value === undefined) return undefined;
    const costMs = this.#clock.monotonic() - startedAt;
    // Without stamps nobody could invalidate it: it is over at once, and serves this read alone.
    const expiresAt = stamps === null ? this.#clock.monotonic() : this.#values.expiry(options.ttl);
    return { value: wrapTags(this.#values.encode(value), stamps ?? undefined), expiresAt, costMs };
  }

  async #encode(value: unknown, { ttl, tags }: WriteOptions): Promise<Found> {
    const encoded = this.#values.encode(value);
    const stamps = tags && tags.length > 0 ? await this.#tags.stamps(tags) : undefined;
    return { value: wrapTags(encoded, stamps), expiresAt: this.#values.expiry(ttl) };
  }
}
