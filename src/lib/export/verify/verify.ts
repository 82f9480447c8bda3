import type { PostgresClient } from '../../clients/postgres.js';
import { profileOf, type Reader, readers } from '../../columnar/postgres/profiles.js';
import type { Decimal } from '../../columnar/postgres/types.js';
import type { Schema } from '../../columnar/type.js';
import type { Progress } from '../../core/progress.js';
import { describeQuery, type ExportQuery } from '../query.js';
import type { FoundDataset } from '../read/find-dataset.js';
import { type ReadableDataset, withSchema } from '../read/open-dataset.js';
import { checkFiles, type FileProblem } from './check-files.js';
import { type ColumnProblem, compareRows, folderOf, type PartitionComparison } from './compare.js';

export interface Verification {
  readonly rows: { readonly dataset: number; readonly database: number };
  /** Without partitions there is one. */
  readonly partitions: readonly PartitionComparison[];
  readonly columns: readonly ColumnProblem[];
  /** Unknown of a dataset without a manifest. */
  readonly files: readonly FileProblem[];
}

/** What a run found, and did. */
export interface VerificationResult extends Verification {
  readonly path: string;
  /** How many partitions were compared; those that are equal are listed with --by-partition. */
  readonly compared: number;
  /** Partitions that were written again. What the others say is what was found after that. */
  readonly repaired: readonly string[];
}

/**
 * Compares a dataset with a query, all of one snapshot, and its files with its manifest.
 * @throws as the client; UserError exit 2
 */
export async function verifyDataset(
  client: PostgresClient,
  sql: string,
  found: FoundDataset,
  signal: AbortSignal,
  progress: Progress,
): Promise<Verification> {
  const problems = found.manifest ? await checkFiles(found.name, found.manifest, signal) : [];
  const broken = new Set(problems.flatMap(({ path, problem }) => (problem === 'extra' ? [] : [path])));
  const files = found.files.filter(({ path }) => !broken.has(path));
  const dataset = await withSchema({ ...found, files });
  const end = await client.beginReadOnly({ statementTimeoutMs: 0 });
  try {
    const query = await describeAsWritten(client, sql, dataset);
    // Where no file is whole, nothing is known of its columns.
    const schema = files.length === 0 ? [...query.columns, ...query.partitions] : dataset.schema;
    const { partitions, columns } = await compareRows(
      client,
      query,
      { ...dataset, schema },
      signal,
      progress,
    );
    const affected = new Set(found.files.filter(({ path }) => broken.has(path)).map(folderOf));
    const sum = (side: 'dataset' | 'database') =>
      partitions.reduce((total, { rows }) => total + rows[side], 0);
    return {
      rows: { dataset: sum('dataset'), database: sum('database') },
      partitions: partitions.map((each) =>
        affected.has(each.partition) ? { ...each, isEqual: false } : each,
      ),
      columns,
      files: problems,
    };
  } finally {
    await end();
  }
}

/** Whether both sides are the same, and all files as they were written. */
export function isVerified({ partitions, columns, files }: Verification): boolean {
  return columns.length === 0 && files.length === 0 && partitions.every(({ isEqual }) => isEqual);
}

/** The query's columns with the types that the dataset was written with. */
export async function describeAsWritten(
  client: PostgresClient,
  sql: string,
  { manifest, partitionBy, schema }: ReadableDataset,
): Promise<ExportQuery> {
  const reader = readers.find((each) => each === manifest?.reader) ?? ('all' satisfies Reader);
  const describe = (numeric: Decimal | undefined) =>
    describeQuery(client, sql, partitionBy, {
      profile: profileOf('parquet', reader),
      numeric,
      misfits: { infinity: 'null', misread: 'keep' },
    });
  const query = await describe(undefined);
  const numeric = numericOf(query.columns, schema);
  return numeric ? describe(numeric) : query;
}

/** What numerics without a precision were written as: decimals where they would be text. */
function numericOf(columns: Schema, schema: Schema): Decimal | undefined {
  for (const { name, type } of columns) {
    const written = schema.find((field) => field.name === name)?.type;
    if (!written || !('meaning' in type) || !('meaning' in written)) continue;
    const { meaning } = written;
    if (type.meaning.kind === 'text' && meaning.kind === 'decimal')
      return { precision: meaning.precision, scale: meaning.scale };
  }
  return undefined;
}
