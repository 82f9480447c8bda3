import { Batch } from '../columnar/batch.js';
import { appendRows, placesInBatch } from '../columnar/gather.js';
import type { Schema } from '../columnar/type.js';
import { batchBytes, rowsOfBatch } from './batch-size.js';

/** Makes large batches of small ones. */
export class RowGroups {
  readonly #batch: Batch;
  readonly #most: number;
  readonly #write: (batch: Batch) => Promise<void>;

  /** @param write takes a batch, which is free when the promise is settled */
  constructor(schema: Schema, rowGroupRows: number, write: (batch: Batch) => Promise<void>) {
    this.#most = rowsOfBatch(schema, rowGroupRows);
    this.#batch = new Batch(schema, Math.min(this.#most, 1024));
    this.#write = write;
  }

  async add(more: Batch): Promise<void> {
    const batch = this.#batch;
    const places = placesInBatch(more);
    for (let from = 0; from < more.rows;) {
      const count = Math.min(more.rows - from, this.#most - batch.rows);
      const rows = Int32Array.from({ length: count }, (_, i) => from + i);
      appendRows(batch, more, places, rows);
      from += count;
      if (batch.rows === this.#most || batch.bytes >= batchBytes) await this.end();
    }
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    if (this.#batch.rows > 0) await this.#write(this.#batch);
    this.#batch.clear();
  }
}
