import type { Batch } from '../columnar/batch.js';
import { RowBatches } from '../columnar/rows/row-batches.js';
import { refuseRejected, rowReader } from './source-rows.js';
import type { Progress } from '../core/progress.js';
import type { RowSource } from '../sources/row-source.js';
import { batchBytes, rowsOfBatch } from './batch-size.js';
import { Dataset, type DatasetOptions } from './dataset.js';
import type { Manifest } from './manifest.js';
import type { ExportRows } from './rows.js';
import type { Target } from './target.js';

/** Of rows that are still to be divided: so many that the loops over columns pay. */
const dividedRows = 32_768;

/** Takes rows, one by one. */
export interface RowSink {
  /** @param where the row is, for messages. @throws UserError `VALUE_INVALID`, `VALUE_REFUSED`, `PARTITION_VALUE`; NotWritten */
  add(values: readonly unknown[], where: () => string): void | Promise<void>;
}

/**
 * Writes rows as a dataset. Until the last of them is written, nothing of the dataset that was there changes.
 * @param feed gives the rows to the sink, by columns and then partitions
 * @throws as the feed and the sink; ServiceConflict `LOCK_HELD`
 */
export async function writeRows(
  { columns, partitions, partitionTypes, refusals }: ExportRows,
  target: Target,
  options: DatasetOptions,
  feed: (sink: RowSink) => Promise<void>,
): Promise<Manifest> {
  const dataset = await Dataset.open(target, columns, { ...options, partitionTypes });
  try {
    const all = [...columns, ...partitions];
    const capacity = rowsOfBatch(all, partitions.length === 0 ? options.rowGroupRows : dividedRows);
    const write = (batch: Batch) => dataset.write(batch);
    const batches = new RowBatches(all, capacity, write, refusals, batchBytes);
    await feed(batches);
    await batches.end();
    return await dataset.finish();
  } finally {
    await dataset.close();
  }
}

/** Writes the rows of a file or stream. @throws as {@link writeRows}; UserError `ROW_INVALID`, `COLUMN_UNKNOWN` */
export function exportRows(
  source: RowSource,
  rows: ExportRows,
  target: Target,
  options: DatasetOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Manifest> {
  const read = rowReader(source, [...rows.columns, ...rows.partitions]);
  return writeRows(rows, target, options, async (sink) => {
    let count = 0;
    for await (const batch of source.batches({ signal })) {
      refuseRejected(batch, source.label);
      for (const [i, row] of batch.rows.entries()) {
        const where = () => `${source.label}, line ${batch.lines![i]}`;
        const full = sink.add(read(row, where), where);
        if (full) await full;
      }
      progress.update((count += batch.rows.length));
    }
  });
}
