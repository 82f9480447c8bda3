import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import type { Operation, SearchEngine, Settled, WriteTarget } from '../engine.js';
import { BatchSize } from './batch-size.js';
import { Delivery, lengthOf, type Wait } from './delivery.js';

export type { Settled, Wait };

export interface BulkWriterOptions<T extends Operation> {
  readonly engine: Pick<SearchEngine, 'bulk' | 'read' | 'heldForm' | 'name'>;
  readonly target: WriteTarget;
  readonly clock: Clock;
  /** Gives up what is under way. */
  readonly signal: AbortSignal;
  /** Called once for each operation that was added. */
  readonly settled: (operation: T, outcome: Settled) => void;
  /** How long nothing of a batch may be taken before the writing ends, in milliseconds; 10 minutes by default. */
  readonly stallMs?: number | undefined;
  /** Told when the writing has to wait, once until it gets on. */
  readonly waits?: (wait: Wait) => void;
  /** An earlier run may have sent some of it: what such an operation meets may be its own work, and is looked at. */
  readonly mayRepeat?: boolean;
  /** Maximum requests at once. */
  readonly senders?: number;
  /** Of the pauses: uniform on [0, 1). */
  readonly random?: () => number;
}

interface Batch<T extends Operation> {
  readonly operations: T[];
  bytes: number;
  /** All of it overwrites whatever is there. */
  overwrites: boolean;
  /** Ends the wait for more operations. */
  readonly sealed: AbortController;
}

/** How long an operation waits for others before it is sent. */
const lingerMs = 1000;

/**
 * Writes operations in batches, each of which one sender owns from its first operation to its last answer. Whatever is
 * refused for a reason that passes is sent again, and nothing else. Of several operations on one document the later one
 * stays the last. Memory is bounded by the batches under way.
 */
export class BulkWriter<T extends Operation> {
  readonly #options: BulkWriterOptions<T>;
  readonly #size: BatchSize;
  /** Aborted with the signal, and when the writing has ended by itself. */
  readonly #stopping: AbortSignal;
  readonly #stop = new AbortController();
  /** Of the documents whose operations are not settled. */
  readonly #holders = new Map<ByteString, Batch<T>>();
  #open: Batch<T> | undefined;
  /** Sealed, and waiting for a sender: one, or with several producers a few. */
  #waiting: Batch<T>[] = [];
  #busy = 0;
  #failed = false;
  #error: unknown;
  #retried = 0;
  #uncertain = 0;
  #toldOf: Wait['kind'] | undefined;
  #wakeups: (() => void)[] = [];

  constructor(options: BulkWriterOptions<T>) {
    this.#options = options;
    this.#size = new BatchSize(options.senders ?? 4);
    this.#stopping = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  /** Operations that were sent again, once for each time. */
  get retried(): number {
    return this.#retried;
  }

  /** Operations that are not settled after the writing has ended, and may have been carried out: no answer came. */
  get uncertain(): number {
    return this.#uncertain;
  }

  /** Takes an operation; resolves when there is room for another. @throws what ended the writing */
  async add(operation: T): Promise<void> {
    await this.take(operation);
  }

  /** As `add`; undefined when there is room at once, which it is for most. @throws what ended the writing */
  take(operation: T): Promise<void> | undefined {
    this.#throwIfEnded();
    const holder = this.#holders.get(operation.id);
    if (holder !== undefined && !(holder === this.#open && holder.overwrites && overwrites(operation)))
      return this.#takeInTurn(operation);
    this.#append(operation);
    return this.#waiting.length > 0 ? this.#room() : undefined;
  }

  /** After the earlier operation on the same document. */
  async #takeInTurn(operation: T): Promise<void> {
    for (let holder = this.#holders.get(operation.id); holder; holder = this.#holders.get(operation.id)) {
      if (holder === this.#open) {
        if (holder.overwrites && overwrites(operation)) break;
        this.#seal();
      }
      await this.#change();
    }
    this.#append(operation);
    await this.#room();
  }

  #append(operation: T): void {
    const bytes = lengthOf(operation);
    if (this.#open && this.#open.bytes + bytes > this.#size.bytes) this.#seal();
    const batch = (this.#open ??= this.#begin());
    batch.operations.push(operation);
    batch.bytes += bytes;
    batch.overwrites &&= overwrites(operation);
    this.#holders.set(operation.id, batch);
    if (batch.bytes >= this.#size.bytes || batch.operations.length >= this.#size.documents) this.#seal();
  }

  async #room(): Promise<void> {
    while (this.#waiting.length > 0) await this.#change();
  }

  /** Resolves when everything that was added is settled. @throws what ended the writing */
  async drain(): Promise<void> {
    this.#seal();
    while (this.#busy > 0 || (this.#waiting.length > 0 && !this.#failed)) await this.#change();
    this.#throwIfEnded();
  }

  #begin(): Batch<T> {
    const batch: Batch<T> = { operations: [], bytes: 0, overwrites: true, sealed: new AbortController() };
    // A source that pauses must not keep what it has given from being written.
    this.#options.clock.sleep(lingerMs, batch.sealed.signal).then(
      () => this.#open === batch && this.#seal(),
      () => {},
    );
    return batch;
  }

  #seal(): void {
    const batch = this.#open;
    if (batch === undefined) return;
    this.#open = undefined;
    batch.sealed.abort();
    this.#waiting.push(batch);
    this.#start();
  }

  #start(): void {
    while (this.#waiting.length > 0 && this.#busy < this.#size.senders && !this.#failed) {
      this.#busy++;
      void this.#deliver(this.#waiting.shift()!);
    }
  }

  async #deliver({ operations }: Batch<T>): Promise<void> {
    const { engine, target, clock, settled, waits, stallMs = 600_000, random = Math.random } = this.#options;
    const delivery = new Delivery<T>(operations, {
      engine,
      target,
      clock,
      signal: this.#stopping,
      size: this.#size,
      stallMs,
      random,
      settled: (operation, outcome) => {
        this.#toldOf = undefined;
        settled(operation, outcome);
      },
      waits: (wait) => {
        if (this.#toldOf === wait.kind) return;
        this.#toldOf = wait.kind;
        waits?.(wait);
      },
      resent: (count) => (this.#retried += count),
      mayRepeat: this.#options.mayRepeat ?? false,
    });
    try {
      await delivery.run();
    } catch (error) {
      this.#uncertain += delivery.uncertain;
      if (!this.#failed) {
        this.#failed = true;
        this.#error = error;
        this.#open?.sealed.abort();
        this.#stop.abort(error);
      }
    }
    this.#busy--;
    for (const { id } of operations) this.#holders.delete(id);
    this.#start();
    for (const wake of this.#wakeups.splice(0)) wake();
  }

  /** Resolves when a batch has been delivered. @throws what ended the writing, when everything under way has ended */
  async #change(): Promise<void> {
    do await new Promise<void>((resolve) => this.#wakeups.push(resolve));
    while (this.#failed && this.#busy > 0);
    this.#throwIfEnded();
  }

  #throwIfEnded(): void {
    if (this.#failed) throw this.#error;
  }
}

/** Whatever is there: such operations on one document may share a batch, which keeps their order. */
function overwrites({ kind, version }: Operation): boolean {
  return kind === 'index' && version === undefined;
}
