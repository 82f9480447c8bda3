import { type Cell, cellsOf } from '../../columnar/cells.js';
import type { ReadableDataset } from './open-dataset.js';
import { type DatasetReadOptions, readBatches } from './read-batches.js';

/** Values of the columns that were asked for, in their order. */
export type DatasetRow = readonly Cell[];

export interface ReadRowsOptions extends DatasetReadOptions {
  /** Maximum rows. */
  readonly limit?: number;
}

/** Rows of a dataset one by one, file by file, in constant memory. @throws UserError exit 2 */
export async function* readRows(
  dataset: ReadableDataset,
  options: ReadRowsOptions = {},
): AsyncGenerator<DatasetRow, void, undefined> {
  const { columns, limit = Infinity } = options;
  const count = columns?.length ?? dataset.schema.length;
  let left = limit;
  if (left === 0) return;
  for await (const { batch, rows } of readBatches(dataset, options)) {
    const cells = batch.schema
      .slice(0, count)
      .map(({ type }, i) => cellsOf(batch.columns[i]!, type, batch.rows));
    const total = rows?.length ?? batch.rows;
    for (let i = 0; i < total; i++) {
      const row = rows ? rows[i]! : i;
      yield cells.map((cell) => cell(row));
      if (--left === 0) return;
    }
  }
}
