import { toBytes, type ByteString } from '../../core/bytes.js';
import { systemClock } from '../../core/clock.js';
import { ServiceUnavailable, UserError } from '../../core/errors.js';
import { type RedisClient } from '../../clients/redis/client.js';
import type { Found } from '../keyed-level.js';
import { type PartitionKeys, partitionKeys, partitionOf, versionOf } from './keys.js';
import { isOperationId, newOperationId } from './operation-id.js';
import { checkedRow } from './checked-row.js';
import { agreePartitions, checkServers } from './preflight.js';
import { findPending } from './scripts.js';
import { Sender } from './sender.js';
import type { Durability, LostWrite, Operation, Queued, RowTarget, Tables } from './types.js';
import { Witness } from './witness.js';

export interface WriteBehindOptions {
  tables: Tables;
  durability: Durability;
  /** Default: what the queue has, else 16. */
  partitions?: number | undefined;
  /** How long `replica` waits for one, milliseconds; default 1000. */
  replicaTimeoutMs?: number | undefined;
  /** Called for every acknowledged write that the queue turns out to have lost (a failover). */
  onLoss?: ((loss: LostWrite) => void) | undefined;
  /** Things to know about the servers before the start. */
  warn?: ((message: string) => void) | undefined;
  signal: AbortSignal;
}

const gone = ['gone', '1'].map(toBytes);
const valueField = toBytes('value');

/** Writes that return once they are queued; `cache worker` takes them to PostgreSQL. */
export class WriteBehind {
  readonly #keys: PartitionKeys[];

  private constructor(
    private readonly client: RedisClient,
    private readonly options: WriteBehindOptions,
    readonly partitions: number,
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
   * @param value what readers that miss get while it is queued; null: they wait until the worker has passed. Left out
   * (undefined): the row's JSON text, or for a delete null.
   * @param options.operationId of an earlier call that this one repeats: the two are applied once.
   * @throws UserError before anything is queued, when the table is not configured or the row lacks its key;
   * ServiceUnavailable with code `QUEUE_FULL`; `NOT_REPLICATED` or `WRITE_UNCERTAIN`, whose hints say what is queued
   * and whose `operationId` is the one to call again with.
   */
  async writeBehind(
    key: ByteString,
    value: ByteString | null | undefined,
    target: RowTarget,
    operation: Operation = 'upsert',
    { operationId }: { operationId?: string | undefined } = {},
  ): Promise<Queued> {
    const row = checkedRow(this.options.tables, target, operation);
    if (operationId !== undefined && !isOperationId(operationId))
      throw new UserError(`'${operationId}' is no operation id`, {
        hint: 'It is a UUID in lower case, best of version 7.',
        code: 'OPERATION_ID',
      });
    const op = (operationId ?? newOperationId()) as ByteString;
    const cached = value === undefined ? (operation === 'delete' ? null : row) : value;
    // One field for what the worker always wants together: fewer are cheaper to queue and to read.
    const job = `${op} ${operation} ${toBytes(target.table)}` as ByteString;
    const more = cached === null ? gone : cached !== row ? [valueField, cached] : [];
    const fields = [job, key, row, ...more];

    const partition = partitionOf(key, this.partitions);
    const { id, number, requeued } = await this.sender.send(partition, fields, operationId !== undefined);
    this.witness.acknowledged(partition, { operationId: op, id, number, key });
    return { operationId: op, id, version: versionOf(id), requeued };
  }

  /**
   * For readers that missed, to be asked before the database: the queued value. It waits for a queued removal to be
   * carried out, because until then the database still has the row.
   * @throws ServiceUnavailable with code `WRITE_PENDING`.
   */
  async pendingValue(key: ByteString): Promise<Found | undefined> {
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
      const value = field.has('gone') ? undefined : (field.get('value') ?? field.get('row'));
      if (value !== undefined && !field.has('again'))
        return { value, version: versionOf(field.get('origin') ?? id) };
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
}
