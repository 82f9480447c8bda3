import type { PostgresClient } from '../clients/postgres.js';
import { BatchReader } from '../columnar/postgres/batch-reader.js';
import type { FileFormat } from '../columnar/sink.js';
import type { Progress } from '../core/progress.js';
import { Dataset } from './dataset.js';
import type { Manifest } from './manifest.js';
import { describeQuery, type ExportQuery } from './query.js';
import type { Night } from './since/night.js';
import type { Target } from './target.js';

/** Of rows that are still to be divided: so many that the loops over columns pay. */
const dividedRows = 32_768;

export interface ExportJob {
  readonly query: ExportQuery;
  /** As it was given, for the manifest. */
  readonly sql: string;
  readonly target: Target;
  readonly format: FileFormat;
  readonly partitionBy: readonly string[];
  /** Rows of a row group or stripe at most. */
  readonly rowGroupRows: number;
  readonly createdBy: string;
  /** Of a run that brings the dataset up to date: it says which of the query's rows are written. */
  readonly night?: Night;
}

/**
 * Writes the rows of a query as a dataset, all of one snapshot. Until the last of them is written, nothing of the dataset that
 * was there changes.
 * @throws as the client; ServiceConflict `LOCK_HELD`; NotWritten
 */
export async function exportQuery(
  client: PostgresClient,
  job: ExportJob,
  signal: AbortSignal,
  progress: Progress,
): Promise<Manifest> {
  const { query, sql, target, partitionBy, rowGroupRows } = job;
  const dataset = await Dataset.open(target, query.columns, { ...job, query: sql });
  try {
    const end = await client.beginReadOnly({ statementTimeoutMs: 0 });
    try {
      const changes = await job.night?.begin(client, dataset);
      let rows = 0;
      const capacity = partitionBy.length === 0 ? rowGroupRows : dividedRows;
      const reader = new BatchReader([...query.columns, ...query.partitions], capacity, async (batch) => {
        await dataset.write(batch);
        progress.update((rows += batch.rows));
      });
      const copy = `COPY (${changes?.sql ?? query.sql}) TO STDOUT (FORMAT binary)`;
      await client.copyBlocks(copy, (block) => reader.take(block), { signal });
      await reader.end();
    } finally {
      await end();
    }
    return await dataset.finish();
  } finally {
    await dataset.close();
  }
}
