import { Batch } from '../batch.js';
import type { Misfit, Refusals } from '../refusals.js';
import type { Field } from '../type.js';
import { keyOf } from '../row-key.js';
import { UserError } from '../../core/errors.js';
import { appendValue } from './append.js';
import type { RowType } from './named-type.js';
import { ValueUnfit } from './unfit.js';

export type RowColumn = Field & RowType;

/** Makes batches of rows that come one by one. A batch is used again: `use` has done with it when its promise is settled. */
export class RowBatches {
  readonly #columns: readonly RowColumn[];
  readonly #batch: Batch;
  readonly #use: (batch: Batch) => Promise<void>;
  readonly #refusals: Refusals;
  readonly #notes: readonly ((misfit: Misfit) => void)[];
  /** All rows so far. */
  #rows = 0;
  #bytes = 0;

  /**
   * @param capacity most rows of a batch
   * @param mostBytes after which it is given early; texts and bytes count
   */
  constructor(
    columns: readonly RowColumn[],
    capacity: number,
    use: (batch: Batch) => Promise<void>,
    refusals: Refusals,
    readonly mostBytes: number,
  ) {
    this.#columns = columns;
    this.#batch = new Batch(columns, capacity);
    this.#use = use;
    this.#refusals = refusals;
    this.#notes = columns.map(
      ({ name }, i) =>
        (misfit: Misfit) =>
          // The row's first column is there by then, unless it is this one.
          refusals.add(name, misfit, this.#rows + 1, () =>
            i === 0 ? undefined : keyOf(this.#batch, this.#batch.rows),
          ),
    );
  }

  /**
   * @param values by column; null and undefined are null
   * @param where the row is, for messages: `readings.csv, line 7`
   * @returns a promise when the row fills a batch
   * @throws UserError `VALUE_INVALID`, `VALUE_REFUSED`
   */
  add(values: readonly unknown[], where: () => string): void | Promise<void> {
    for (let i = 0; i < this.#columns.length; i++) this.#append(i, values[i], where);
    if (this.#refusals.isFatal) this.#refusals.check();
    this.#batch.rows++;
    this.#rows++;
    if (this.#batch.rows === this.#batch.capacity || this.#bytes >= this.mostBytes) return this.#flush();
  }

  /** Gives what is left. */
  async end(): Promise<void> {
    if (this.#batch.rows > 0) await this.#flush();
  }

  #append(i: number, value: unknown, where: () => string): void {
    const { name, type, convert } = this.#columns[i]!;
    if (typeof value === 'string' || value instanceof Uint8Array) this.#bytes += value.length;
    try {
      const converted =
        convert && value !== null && value !== undefined ? convert(value, this.#notes[i]!) : value;
      appendValue(this.#batch.columns[i]!, type, converted);
    } catch (error) {
      if (!(error instanceof ValueUnfit)) throw error;
      throw new UserError(`${where()}: column '${name}': ${error.message}`, {
        code: 'VALUE_INVALID',
        cause: error,
        hint: 'Nothing was written. Mend the value, or give the column another type.',
      });
    }
  }

  async #flush(): Promise<void> {
    await this.#use(this.#batch);
    this.#batch.clear();
    this.#bytes = 0;
  }
}
