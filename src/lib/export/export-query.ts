import type { PostgresClient } from '../clients/postgres.js';
import type { Batch } from '../columnar/batch.js';
import { BatchReader } from '../columnar/postgres/batch-reader.js';
import type { FileFormat } from '../columnar/sink.js';
import type { Progress } from '../core/progress.js';
import { Dataset } from './dataset.js';
import type { Manifest } from './manifest.js';
import type { ExportQuery } from './query.js';
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
 * @throws as the client; UserError `VALUE_REFUSED`; ServiceConflict `LOCK_HELD`; NotWritten
 */
export async function exportQuery(
  client: PostgresClient,
  job: ExportJob,
  signal: AbortSignal,
  progress: Progress,
): Promise<Manifest> {
  const { query, sql, target, partitionBy, rowGroupRows } = job;
  const dataset = await Dataset.open(target, query.columns, { ...job, query: sql, reader: query.reader });
  try {
    const end = await client.beginReadOnly({ statementTimeoutMs: 0 });
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    try {
      const written = await job.night?.begin(client, dataset);
      let rows = 0;
      const capacity = partitionBy.length === 0 ? rowGroupRows : dividedRows;
      const write = async (batch: Batch) => {
        await dataset.write(batch);
        progress.update((rows += batch.rows));
      };
      const columns = [...query.columns, ...query.partitions];
      const reader = new BatchReader(columns, capacity, write, query.refusals);
      const asked = written === undefined ? query.sql : `SELECT ${query.selected} FROM (${written}) AS query`;
      const copy = `COPY (${asked}) TO STDOUT (FORMAT binary)`;
      await client.copyBlocks(copy, (block) => reader.take(block), { signal });
      await reader.end();
    } finally {
      await end();
    }
    await job.night?.prepare(dataset.run);
    const manifest = await dataset.finish(job.night?.facts);
    await job.night?.end();
    return manifest;
  } finally {
    await dataset.close();
  }
}
