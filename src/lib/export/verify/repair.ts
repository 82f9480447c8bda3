import type { PostgresClient } from '../../clients/postgres.js';
import type { FileFormat } from '../../columnar/sink.js';
import type { Progress } from '../../core/progress.js';
import { quoteIdentifier, quoteLiteral } from '../../sql/quote.js';
import { exportQuery } from '../export-query.js';
import type { Manifest } from '../manifest.js';
import type { FoundDataset } from '../read/find-dataset.js';
import { withSchema } from '../read/open-dataset.js';
import { partitionValues } from '../read/partition-values.js';
import type { Target } from '../target.js';
import { describeAsWritten } from './verify.js';

export interface Repair {
  readonly sql: string;
  readonly target: Target;
  readonly format: FileFormat;
  readonly createdBy: string;
  readonly rowGroupRows: number;
  /** Partitions that are written again, as `month=2026-01`. */
  readonly folders: readonly string[];
  /** Paths of files that can be read: they tell the types of columns. */
  readonly isWhole: (path: string) => boolean;
}

/**
 * Writes partitions of a dataset again, with the rows that the query has for them now. Those without any go.
 * @throws as exportQuery
 */
export async function repairPartitions(
  client: PostgresClient,
  found: FoundDataset,
  { sql, folders, isWhole, ...options }: Repair,
  signal: AbortSignal,
  progress: Progress,
): Promise<Manifest> {
  const dataset = await withSchema({ ...found, files: found.files.filter(({ path }) => isWhole(path)) });
  const part = rowsOfPartitions(sql, folders);
  const query = await client.readOnly(() => describeAsWritten(client, part, dataset));
  const { partitionBy } = found;
  const job = { ...options, query, sql: part, partitionBy, replace: new Set(folders) };
  const { manifest } = await exportQuery(client, job, signal, progress);
  return manifest;
}

function rowsOfPartitions(sql: string, folders: readonly string[]): string {
  const conditions = folders.map((folder) => {
    const values = partitionValues(`${folder}/file`);
    const parts = values.map(({ name, value }) => {
      const column = `query.${quoteIdentifier(name)}`;
      return value === null ? `${column} IS NULL` : `${column}::text = ${quoteLiteral(value)}`;
    });
    return parts.length === 0 ? 'true' : `(${parts.join(' AND ')})`;
  });
  return `SELECT * FROM (${sql}) AS query WHERE ${conditions.join(' OR ')}`;
}
