import type { PostgresClient } from '../../clients/postgres.js';
import type { FileFormat } from '../../columnar/sink.js';
import type { Progress } from '../../core/progress.js';
import { quoteIdentifier, quoteLiteral } from '../../sql/quote.js';
import type { Dataset } from '../dataset.js';
import { exportQuery } from '../export-query.js';
import type { Facts, Manifest } from '../manifest.js';
import { parsePartition } from '../partition-path.js';
import type { FoundDataset } from '../read/find-dataset.js';
import { withSchema } from '../read/open-dataset.js';
import type { Exported } from '../result.js';
import type { Target } from '../target.js';
import { eitherInfinity, keptFacts, type Update } from '../update.js';
import { describeAsWritten, type Source } from './verify.js';

export interface RepairOptions {
  readonly target: Target;
  readonly format: FileFormat;
  readonly createdBy: string;
  readonly rowGroupRows: number;
  /** Partitions that are rewritten, as `month=2026-01`. */
  readonly folders: readonly string[];
  /** Paths of files that can be read: they tell the types of columns. */
  readonly isWhole: (path: string) => boolean;
}

/** A dataset that metrify has written. */
export type OwnDataset = FoundDataset & { readonly manifest: Manifest };

/**
 * Rewrites partitions of a dataset, with the rows that the query has for them now. Those without any go.
 * @throws as exportQuery; ServiceConflict `DATASET_CHANGED`
 */
export async function repairPartitions(
  client: PostgresClient,
  found: OwnDataset,
  source: Source,
  { folders, isWhole, ...options }: RepairOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Exported> {
  const dataset = await withSchema({ ...found, files: found.files.filter(({ path }) => isWhole(path)) });
  const query = await client.readOnly(() => describeAsWritten(client, source, dataset));
  const { manifest, partitionBy } = found;
  const update = new Repair(source.sql, manifest, folders);
  const job = { ...options, query, sql: manifest.query, partitionBy, update };
  const { notes, ...exported } = await exportQuery(client, job, signal, progress);
  return { ...exported, notes: [...notes, ...query.refusals.warnings()] };
}

class Repair implements Update {
  readonly #sql: string;
  readonly #manifest: Manifest;
  readonly #folders: readonly string[];
  #kept: Facts = {};

  constructor(sql: string, manifest: Manifest, folders: readonly string[]) {
    this.#sql = sql;
    this.#manifest = manifest;
    this.#folders = folders;
  }

  async begin(_client: PostgresClient, dataset: Dataset): Promise<string> {
    this.#kept = keptFacts(dataset, this.#manifest, this.#folders);
    dataset.replace(new Set(this.#folders));
    return rowsOfPartitions(this.#sql, this.#folders);
  }

  async prepare(_run: string, { infinity }: Facts): Promise<Facts> {
    return { ...this.#kept, infinity: eitherInfinity(this.#kept.infinity, infinity) };
  }

  async end(): Promise<void> {}
}

function rowsOfPartitions(sql: string, folders: readonly string[]): string {
  const conditions = folders.map((folder) => {
    const values = parsePartition(folder);
    const parts = values.map(({ name, value }) => {
      const column = `query.${quoteIdentifier(name)}`;
      return value === null ? `${column} IS NULL` : `${column}::text = ${quoteLiteral(value)}`;
    });
    return parts.length === 0 ? 'true' : `(${parts.join(' AND ')})`;
  });
  return `SELECT * FROM (${sql}) AS query WHERE ${conditions.join(' OR ')}`;
}
