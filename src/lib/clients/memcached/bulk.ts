import type { MemcachedConnection } from './connection.js';
import { BulkExchange, LineExchange } from './exchange.js';

/** Commands and bytes (about) that go out in one write, and commands under way to all servers together. */
const commandsPerWrite = 4096;
const bytesPerWrite = 1 << 20;
const window = 16_384;
const bytesWindow = 8 << 20;

export interface BulkOptions<T> {
  connections: readonly MemcachedConnection[];
  /** The index of the connection an item goes to. */
  route(item: T): number;
  /** The command; it must bear being repeated, and be answered by one line. */
  encode(item: T): string;
  /** Bytes of the command, about. */
  size(item: T): number;
  /** `repeated`: the command was sent before, and that answer was lost. */
  settled(item: T, line: string, repeated: boolean): void;
  signal: AbortSignal;
}

/** Sends many small commands to several servers, with a bounded number under way. */
export class MemcachedBulk<T> {
  private underWay = 0;
  private bytesUnderWay = 0;
  private failure: Error | undefined;
  private closed = false;
  private wake: (() => void)[] = [];
  private readonly restartsBefore: number;

  constructor(private readonly options: BulkOptions<T>) {
    this.restartsBefore = this.countRestarts();
  }

  get restarts(): number {
    return this.countRestarts() - this.restartsBefore;
  }

  /** Returns when there is room for more. @throws ServiceUnavailable, or the signal's reason. */
  async push(items: readonly T[]): Promise<void> {
    const { connections, route, size, signal } = this.options;
    signal.throwIfAborted();
    if (this.failure) throw this.failure;
    const lanes = connections.map(() => ({ items: [] as T[], bytes: 0 }));
    for (const item of items) {
      const index = route(item);
      const lane = lanes[index]!;
      lane.items.push(item);
      lane.bytes += size(item);
      if (lane.items.length < commandsPerWrite && lane.bytes < bytesPerWrite) continue;
      this.send(connections[index]!, lane.items, lane.bytes);
      lanes[index] = { items: [], bytes: 0 };
      if (this.isFull()) await this.until(() => !this.isFull());
    }
    lanes.forEach((lane, index) => this.send(connections[index]!, lane.items, lane.bytes));
    await this.until(() => !this.isFull());
  }

  /**
   * Returns when everything is answered, and every server was seen after that, so that `restarts` is complete.
   * An abort does not keep it from waiting for a server that works.
   * @throws ServiceUnavailable, or the signal's reason while a server is away.
   */
  async drain(): Promise<void> {
    await this.until(() => this.underWay === 0, true);
    let left = this.options.connections.length;
    for (const connection of this.options.connections) {
      const probe = new LineExchange('version');
      connection.send(probe);
      probe.answer.then(
        () => {
          left--;
          this.notify();
        },
        (error: Error) => this.fail(error),
      );
    }
    await this.until(() => left === 0, true);
  }

  /** What has no answer yet is not reported any more. */
  close(): void {
    this.closed = true;
  }

  private send(connection: MemcachedConnection, items: T[], bytes: number): void {
    if (items.length === 0) return;
    this.underWay += items.length;
    this.bytesUnderWay += bytes;
    let left = items.length;
    const settled = (item: T, line: string, repeated: boolean): void => {
      if (this.closed) return;
      this.underWay--;
      if (--left === 0) this.bytesUnderWay -= bytes;
      this.options.settled(item, line, repeated);
      if (left === 0) this.notify();
    };
    connection.send(new BulkExchange(items, this.options.encode, settled, (error) => this.fail(error)));
  }

  private isFull(): boolean {
    return this.underWay >= window || this.bytesUnderWay >= bytesWindow;
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.notify();
  }

  private notify(): void {
    for (const wake of this.wake.splice(0)) wake();
  }

  private async until(condition: () => boolean, finishing = false): Promise<void> {
    const { signal, connections } = this.options;
    const wakeAll = (): void => this.notify();
    signal.addEventListener('abort', wakeAll);
    try {
      while (!condition()) {
        if (this.failure) throw this.failure;
        if (!finishing || connections.some((connection) => connection.recovering)) signal.throwIfAborted();
        await new Promise<void>((resolve) => this.wake.push(resolve));
      }
      if (this.failure) throw this.failure;
    } finally {
      signal.removeEventListener('abort', wakeAll);
    }
  }

  private countRestarts(): number {
    return this.options.connections.reduce((sum, connection) => sum + connection.restarts, 0);
  }
}
