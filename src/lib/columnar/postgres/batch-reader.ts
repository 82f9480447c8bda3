import { Batch } from '../batch.js';
import type { Refusals } from '../refusals.js';
import type { Field } from '../type.js';
import { keyOf } from '../row-key.js';
import type { Refuse, Slice } from './decoders.js';
import { CopyMalformed, TupleIndex } from './tuple-index.js';
import type { Mapped } from './types.js';

/** Makes batches of the rows of a COPY. A batch is used again: `use` has done with it when its promise is settled. */
export class BatchReader {
  readonly #columns: readonly (Field & Mapped)[];
  readonly #index: TupleIndex;
  readonly #batch: Batch;
  readonly #use: (batch: Batch) => Promise<void>;
  readonly #refusals: Refusals;
  readonly #refuse: readonly Refuse[];
  readonly #mostBytes: number;
  /** Of the batches before. */
  #rows = 0;

  /**
   * @param capacity rows of a batch, but for the last one
   * @param refusals are told of values that do not fit: then the other rows are read, to count them, and not used
   * @param mostBytes after which a batch is full as well
   */
  constructor(
    columns: readonly (Field & Mapped)[],
    capacity: number,
    use: (batch: Batch) => Promise<void>,
    refusals: Refusals,
    mostBytes = Infinity,
  ) {
    this.#columns = columns;
    this.#index = new TupleIndex(columns.length);
    this.#batch = new Batch(columns, capacity);
    this.#use = use;
    this.#mostBytes = mostBytes;
    this.#refusals = refusals;
    this.#refuse = columns.map(
      ({ name }): Refuse =>
        (misfit, row) =>
          refusals.add(name, misfit, this.#rows + row + 1, () => keyOf(this.#batch, row)),
    );
  }

  /**
   * @param block whole CopyData messages
   * @returns a promise when the rows fill a batch
   * @throws CopyMalformed
   */
  take(block: Buffer): void | Promise<void> {
    this.#index.read(block);
    return this.#decode(block, 0);
  }

  /**
   * Gives what is left.
   * @throws CopyMalformed when the server did not say that it is all; UserError `VALUE_REFUSED`
   */
  async end(): Promise<void> {
    if (!this.#index.isComplete) throw new CopyMalformed('it ends without its trailer');
    this.#refusals.check();
    if (this.#batch.rows > 0) await this.#use(this.#batch);
  }

  #decode(block: Buffer, begin: number): void | Promise<void> {
    const batch = this.#batch;
    const columns = this.#columns;
    const { starts, lengths, rows } = this.#index;
    const to = Math.min(rows, begin + batch.capacity - batch.rows);
    const slice = { block, starts, lengths, stride: columns.length, from: begin, to, row: batch.rows };
    for (let field = 0; field < columns.length; field++) {
      const own: Slice = { ...slice, refuse: this.#refuse[field]! };
      columns[field]!.decode(own, field, batch.columns[field]!);
    }
    batch.rows += to - begin;
    if (batch.rows < batch.capacity && batch.bytes < this.#mostBytes) return;
    const used = this.#refusals.isFatal ? Promise.resolve() : this.#use(batch);
    return used.then(() => {
      this.#rows += batch.rows;
      batch.clear();
      return to < rows ? this.#decode(block, to) : undefined;
    });
  }
}
