import type { Cluster, HazelcastConnection } from './connection.js';

/** Items and bytes (about) of one batch, and batches under way. */
const itemsPerBatch = 512;
const bytesPerBatch = 1 << 20;
const batchesUnderWay = 4;

export interface BulkOptions<T> {
  connection: HazelcastConnection;
  signal: AbortSignal;
  size(item: T): number;
  /** Sends a batch; called again with the same batch after a lost connection. */
  send(cluster: Cluster, items: T[]): Promise<void>;
}

/** Sends many small operations with a bounded number under way. */
export class HazelcastBulk<T> {
  private readonly batches = new Set<Promise<void>>();
  private failure: Error | undefined;
  private readonly restartsBefore: number;

  constructor(private readonly options: BulkOptions<T>) {
    this.restartsBefore = options.connection.restarts;
  }

  get restarts(): number {
    return this.options.connection.restarts - this.restartsBefore;
  }

  /** Returns when there is room for more. @throws ServiceUnavailable, or the signal's reason. */
  async push(items: readonly T[]): Promise<void> {
    this.options.signal.throwIfAborted();
    if (this.failure) throw this.failure;
    let batch: T[] = [];
    let bytes = 0;
    for (const item of items) {
      batch.push(item);
      bytes += this.options.size(item);
      if (batch.length < itemsPerBatch && bytes < bytesPerBatch) continue;
      await this.start(batch);
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) await this.start(batch);
  }

  /** Returns when everything is answered, and the members were seen after that, so that `restarts` is complete. */
  async drain(): Promise<void> {
    await Promise.all(this.batches);
    if (this.failure) throw this.failure;
    await this.options.connection.run(({ map }) => map.isEmpty(), this.options.signal);
  }

  private async start(batch: T[]): Promise<void> {
    const { connection, send, signal } = this.options;
    const sent: Promise<void> = connection
      .run((cluster) => send(cluster, batch), signal)
      .catch((error: Error) => void (this.failure ??= error))
      .finally(() => this.batches.delete(sent));
    this.batches.add(sent);
    while (this.batches.size >= batchesUnderWay) await Promise.race(this.batches);
    if (this.failure) throw this.failure;
  }
}
