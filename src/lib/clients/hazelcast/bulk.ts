import type { Cluster, HazelcastConnection } from './connection.js';

/**
 * Items and bytes (about) of one batch. A batch that is written together is one operation for each of the partitions
 * (271), so small ones would be many small operations.
 */
const itemsPerBatch = 8192;
const bytesPerBatch = 4 << 20;
const operationsUnderWay = 1024;

export interface BulkOptions<T> {
  connection: HazelcastConnection;
  signal: AbortSignal;
  size(item: T): number;
  /** Sends a batch; called again with the same batch after a lost connection. */
  send(cluster: Cluster, items: T[]): Promise<void>;
}

/** Does single operations of one batch, a bounded number at once. */
export async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(operationsUnderWay, items.length) }, lane));
}

/** Sends many small operations, batch after batch, so that what comes later is done later; the next is collected meanwhile. */
export class HazelcastBulk<T> {
  private sending: Promise<void> | undefined;
  private waiting: T[] = [];
  private waitingBytes = 0;
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
    this.check();
    for (const item of items) {
      this.waiting.push(item);
      this.waitingBytes += this.options.size(item);
      while (this.waiting.length >= itemsPerBatch || this.waitingBytes >= bytesPerBatch) {
        await this.sending;
        this.check();
        this.start();
      }
    }
    this.start();
  }

  /** Returns when everything is answered, and the members were seen after that, so that `restarts` is complete. */
  async drain(): Promise<void> {
    for (this.start(); this.sending; this.start()) await this.sending;
    this.check();
    await this.options.connection.run(({ map }) => map.isEmpty(), this.options.signal);
  }

  private check(): void {
    if (this.failure) throw this.failure;
  }

  /** Sends what waits, unless something is under way: then it goes when that has ended. */
  private start(): void {
    if (this.sending || this.waiting.length === 0 || this.failure) return;
    const batch = this.waiting;
    this.waiting = [];
    this.waitingBytes = 0;
    const { connection, send, signal } = this.options;
    this.sending = connection
      .run((cluster) => send(cluster, batch), signal)
      .catch((error: Error) => void (this.failure ??= error))
      .then(() => {
        this.sending = undefined;
        this.start();
      });
  }
}
