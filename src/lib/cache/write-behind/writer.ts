import { toBytes, type ByteString } from '../../core/bytes.js';
import { systemClock } from '../../core/clock.js';
import { errorMessage, ServiceUnavailable, UserError } from '../../core/errors.js';
import { type RedisClient } from '../../clients/redis/client.js';
import type { Found } from '../keyed-level.js';
import { type PartitionKeys, partitionKeys, partitionOf, versionOf } from './keys.js';
import { isOperationId, newOperationId } from './operation-id.js';
import { checkedRow, type Operation, type Tables, type Target } from './operation.js';
import { agreePartitions, checkServers, type Durability } from './preflight.js';
import { findPending } from './scripts.js';
import { Sender } from './sender.js';
import { Witness, type Loss } from './witness.js';

/** What write-behind asks of a cache; every `KeyedLevel` has it. */
export interface VersionedCache {
  /** Writes unless a newer version was written. */
  set(key: ByteString, found: Found, version: bigint): Promise<unknown>;
  remove(key: ByteString, version: bigint): Promise<unknown>;
}

export interface WriteBehindOptions {
  tables: Tables;
  durability: Durability;
  /** Default: what the queue has, else 16. */
  partitions?: number | undefined;
  /** How long `replica` waits for one, milliseconds; default 1000. */
  replicaTimeoutMs?: number | undefined;
  /** Gets every value once it is queued. */
  cache?: VersionedCache | undefined;
  /** Called for every acknowledged write that the queue turns out to have lost (a failover). */
  onLoss?: ((loss: Loss) => void) | undefined;
  /** Things to know about the servers before the start. */
  warn?: ((message: string) => void) | undefined;
  signal: AbortSignal;
}

export interface WriteCallOptions {
  /** Of the value in the cache, as in `Found`. */
  expiresAt?: number | undefined;
  /** A call repeated with the same id is applied once. Default: a new one. */
  operationId?: string | undefined;
}

export interface WriteReceipt {
  operationId: string;
  /** The entry's id in its partition's stream. */
  id: string;
  /** The value's version in the cache. */
  version: bigint;
  /**
   * A repeated call whose first entry, if there was one, has left the queue: a later write of the key may be the newer
   * one despite its lower version. The cache must not get this value; the key is to be removed at this version.
   */
  requeued: boolean;
  /**
   * Resolves when the cache has the value, or dropped the key because it did not take it or must not have it. Rejects
   * with code `CACHE_STALE` when neither worked: the cache may hold an older value until its time to live.
   */
  cached: Promise<void>;
}

/** What waits in the queue for a key. `value` null: it is being deleted. */
export interface Pending {
  value: ByteString | null;
  version: bigint;
}

/**
 * Writes that return once they are queued; `cache worker` takes them to PostgreSQL.
 *
 * In order, for each call: the entry is in the queue under the chosen durability; the cache is told; the call returns,
 * while the cache's own answer may still be on its way (`cached`).
 */
export class WriteBehind {
  readonly #keys: PartitionKeys[];

  private constructor(
    private readonly client: RedisClient,
    private readonly options: WriteBehindOptions,
    private readonly partitions: number,
    private readonly sender: Sender,
    private readonly witness: Witness,
  ) {
    this.#keys = Array.from({ length: partitions }, (_, partition) => partitionKeys(partition));
  }

  /** @throws ServiceConflict exit 4 when the server could lose entries by its own rules, or has other partitions. */
  static async open(client: RedisClient, options: WriteBehindOptions): Promise<WriteBehind> {
    for (const warning of await checkServers(client, options.durability)) options.warn?.(warning);
    const partitions = await agreePartitions(client, options.partitions);
    const { durability, replicaTimeoutMs = 1000, signal } = options;
    const sender = new Sender(
      client,
      { partitions, replicas: durability === 'replica' ? 1 : 0, replicaTimeoutMs },
      signal,
    );
    const witness = new Witness(client, partitions, (loss) => options.onLoss?.(loss));
    sender.reconnected = () => void witness.look();
    return new WriteBehind(client, options, partitions, sender, witness);
  }

  /**
   * @param value what the cache gets; null removes the key there. Left out (undefined): the row's JSON text, or for a
   * delete nothing.
   * @throws UserError before anything is queued, when the table is not configured or the row lacks its key;
   * ServiceUnavailable with code `QUEUE_FULL`; `NOT_REPLICATED` or `WRITE_UNCERTAIN`, whose hints say what is queued
   * and whose `operationId` is the one to call again with.
   */
  async writeBehind(
    key: ByteString,
    value: ByteString | null | undefined,
    target: Target,
    operation: Operation = 'upsert',
    { expiresAt, operationId }: WriteCallOptions = {},
  ): Promise<WriteReceipt> {
    const row = checkedRow(this.options.tables, target, operation);
    if (operationId !== undefined && !isOperationId(operationId))
      throw new UserError(`'${operationId}' is no operation id`, {
        hint: 'It is a UUID in lower case, best of version 7.',
        code: 'OPERATION_ID',
      });
    const op = operationId ?? newOperationId();
    const cached = value === undefined ? (operation === 'delete' ? null : row) : value;
    // One field for what the worker always wants together: fewer are cheaper to queue and to read.
    const fields = [`${op} ${operation} ${toBytes(target.table)}`, key, row];
    if (cached === null) fields.push('gone', '1');
    else if (cached !== row) fields.push('value', cached);

    const partition = partitionOf(key, this.partitions);
    const { id, number, requeued } = await this.sender.send(partition, fields, operationId !== undefined);
    this.witness.acknowledged(partition, { operationId: op, id, number, key });
    const version = versionOf(id);
    const cacheTold = this.#tell(
      key,
      cached === null || requeued ? null : { value: cached, expiresAt },
      version,
    );
    cacheTold.catch(() => {});
    return { operationId: op, id, version, requeued, cached: cacheTold };
  }

  /**
   * The latest queued write of a key; undefined: nothing waits, and the database has the latest. Where a repeated call
   * makes it uncertain, this waits until the worker has passed.
   * @throws ServiceUnavailable with code `WRITE_PENDING` when it waited longer than the request time-out.
   */
  async pending(key: ByteString): Promise<Pending | undefined> {
    return this.#whenKnown(key, ({ again }) => !again);
  }

  /**
   * For readers that missed, to be asked before the database: the queued value. It waits for a queued removal to be
   * carried out, because until then the database still has the row.
   * @throws ServiceUnavailable with code `WRITE_PENDING`.
   */
  async pendingValue(key: ByteString): Promise<Found | undefined> {
    const known = await this.#whenKnown(key, ({ again, value }) => !again && value !== null);
    return known && { value: known.value!, version: known.version };
  }

  async #whenKnown(
    key: ByteString,
    known: (write: Pending & { again: boolean }) => boolean,
  ): Promise<Pending | undefined> {
    const { pending, stream, retry, dead } = this.#keys[partitionOf(key, this.partitions)]!;
    const deadline = performance.now() + this.client.options.requestTimeoutMs;
    for (let waitMs = 5; ; waitMs = Math.min(waitMs * 2, 250)) {
      const answer = await findPending.run(this.client, [pending, stream, retry, dead], [key]);
      if (answer === null) return undefined;
      const [, id, list] = answer as [string, string, ByteString[]];
      // Its entry is gone from the queue: the worker reports that loss, and the database has what there is.
      if (list.length === 0) return undefined;
      const field = new Map<string, ByteString>();
      for (let i = 0; i < list.length; i += 2) field.set(list[i]!, list[i + 1]!);
      const value = field.has('gone') ? null : (field.get('value') ?? field.get('row') ?? null);
      const write = { value, version: versionOf(field.get('origin') ?? id) };
      if (known({ ...write, again: field.has('again') })) return write;
      if (performance.now() > deadline)
        throw new ServiceUnavailable('an earlier write of the key is still being settled', {
          code: 'WRITE_PENDING',
          hint: 'Is the worker running? See: metrify cache queue status',
        });
      await systemClock.sleep(waitMs, this.options.signal);
    }
  }

  /** Acknowledged writes found lost so far. */
  get lost(): number {
    return this.witness.lost;
  }

  close(): void {
    this.sender.close();
  }

  async #tell(key: ByteString, found: Found | null, version: bigint): Promise<void> {
    const { cache } = this.options;
    if (!cache) return;
    try {
      await (found === null ? cache.remove(key, version) : cache.set(key, found, version));
      return;
    } catch {
      // Without the new value the key must not keep the old one.
    }
    try {
      await cache.remove(key, version);
    } catch (error) {
      throw new ServiceUnavailable(
        `the write is queued, but the cache took neither it nor its removal: ${errorMessage(error)}`,
        {
          code: 'CACHE_STALE',
          hint: 'The cache may hold an older value until its time to live.',
          cause: error,
        },
      );
    }
  }
}
