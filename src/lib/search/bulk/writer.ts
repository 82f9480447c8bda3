import type { Clock } from '../../core/clock.js';
import {
  BulkBusy,
  BulkTooLarge,
  type Operation,
  type Outcome,
  type SearchEngine,
  type WriteTarget,
} from '../engine.js';

export type Settled = Extract<Outcome, { kind: 'done' | 'rejected' }>;

export interface BulkWriterOptions<T extends Operation> {
  readonly engine: SearchEngine;
  readonly target: WriteTarget;
  readonly clock: Clock;
  /** Gives up what is under way. */
  readonly signal: AbortSignal;
  /** Called once for each operation that was added. */
  readonly settled: (operation: T, outcome: Settled) => void;
}

/**
 * Writes operations in bulks, each of which one sender owns from its first operation to its last answer. Whatever is
 * refused for a reason that passes is sent again, and nothing else.
 */
export class BulkWriter<T extends Operation> {
  readonly #options: BulkWriterOptions<T>;
  #batch: T[] = [];

  constructor(options: BulkWriterOptions<T>) {
    this.#options = options;
  }

  /** Takes an operation; resolves when there is room for another. @throws what ended the writing */
  async add(operation: T): Promise<void> {
    this.#batch.push(operation);
    if (this.#batch.length >= 1000) await this.drain();
  }

  /** Resolves when everything that was added is settled. @throws what ended the writing */
  async drain(): Promise<void> {
    const { engine, target, clock, signal, settled } = this.#options;
    let batch = this.#batch;
    this.#batch = [];
    while (batch.length > 0) {
      const again: T[] = [];
      try {
        const outcomes = await engine.bulk(target, batch, signal);
        for (const [i, outcome] of outcomes.entries())
          if (outcome.kind === 'done' || outcome.kind === 'rejected') settled(batch[i]!, outcome);
          else again.push(batch[i]!);
      } catch (error) {
        if (!(error instanceof BulkBusy || error instanceof BulkTooLarge)) throw error;
        again.push(...batch);
      }
      batch = again;
      if (batch.length > 0) await clock.sleep(1000, signal);
    }
  }
}
