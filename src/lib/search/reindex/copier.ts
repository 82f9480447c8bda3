import type { Clock } from '../../core/clock.js';
import { ServiceConflict } from '../../core/errors.js';
import { BulkWriter } from '../bulk/writer.js';
import type { DocumentName, Hit, Operation, SearchEngine } from '../engine.js';
import type { Rejections } from './rejections.js';

/** Changes in the destination. */
export interface Tally {
  written: number;
  deleted: number;
}

export interface CopierOptions {
  readonly engine: SearchEngine;
  /** The concrete index. */
  readonly source: string;
  /** An alias that only the destination has: a destination that was deleted is not created again by a write. */
  readonly destination: string;
  readonly rejections: Rejections;
  readonly tally: Tally;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long nothing may be taken before the writing ends. */
  readonly stallMs: number;
}

/** Conflicts that are settled by one request. */
const conflictBatch = 500;

/**
 * Brings documents of the source into the destination. They keep their versions, so that an old copy never overwrites a newer one,
 * whatever order and however often they are written. Where the destination has that version or a higher one, both
 * documents are read and compared: a document that was deleted and inserted again begins with version 1.
 */
export class Copier {
  readonly #options: CopierOptions;
  readonly #writer: BulkWriter<Operation>;
  #conflicts: Operation[] = [];
  #destinationIsGone = false;

  constructor(options: CopierOptions) {
    this.#options = options;
    const { engine, destination, clock, signal, rejections, tally, stallMs } = options;
    this.#writer = new BulkWriter<Operation>({
      engine,
      target: { index: destination, requireAlias: true },
      clock,
      signal,
      stallMs,
      settled: (operation, outcome) => {
        if (outcome.kind === 'done') {
          rejections.settle(operation);
          if (operation.kind === 'delete') tally.deleted++;
          else tally.written++;
        } else if (outcome.status === 409) this.#conflicts.push(operation);
        else if (outcome.status !== 404) rejections.add(operation, outcome.reason);
        else if (operation.kind !== 'delete') this.#destinationIsGone = true;
        else rejections.settle(operation);
      },
    });
  }

  /** Copies hits with their versions. */
  async copy(hits: readonly Hit[]): Promise<void> {
    for (const { id, routing, version, source } of hits)
      await this.#writer.add({ kind: 'index', id, routing, version, source });
    if (this.#conflicts.length >= conflictBatch) await this.settle();
  }

  /**
   * Makes these documents in the destination what they are in the source now: written, or deleted.
   * Nobody else may write them in the destination.
   */
  async mend(names: readonly DocumentName[]): Promise<void> {
    const { engine, source, destination, signal } = this.#options;
    for (let start = 0; start < names.length; start += conflictBatch) {
      const batch = names.slice(start, start + conflictBatch);
      const [right, present] = await Promise.all([
        engine.read(source, batch, signal),
        engine.read(destination, batch, signal),
      ]);
      for (const [i, { id, routing }] of batch.entries()) {
        const is = right[i]?.source;
        if (is === present[i]?.source) this.#options.rejections.settle({ id, routing });
        else if (is === undefined) await this.#writer.add({ kind: 'delete', id, routing });
        else await this.#writer.add({ kind: 'index', id, routing, source: is });
      }
    }
    await this.#drain();
  }

  /** Resolves when everything is written, and every conflict is settled. @throws ServiceConflict when the destination is gone */
  async settle(): Promise<void> {
    await this.#drain();
    while (this.#conflicts.length > 0) {
      const conflicts = this.#conflicts;
      this.#conflicts = [];
      await this.mend(conflicts.map(({ id, routing }): DocumentName => ({ id, routing })));
    }
  }

  async #drain(): Promise<void> {
    await this.#writer.drain();
    if (this.#destinationIsGone)
      throw new ServiceConflict(
        `the destination is not the one we created: it was deleted, or lost its alias`,
        {
          code: 'DESTINATION_FOREIGN',
          hint: 'The alias was not moved. Find out who deletes indices, and run it again with --resume.',
        },
      );
  }
}
