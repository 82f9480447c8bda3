import type { PostgresClient } from '../../clients/postgres.js';
import { profileOf, type Reader, readers } from '../../columnar/reader-profiles.js';
import type { Decimal } from '../../columnar/postgres/types.js';
import type { MisfitRules } from '../../columnar/refusals.js';
import type { Schema } from '../../columnar/type.js';
import type { Progress } from '../../core/progress.js';
import { describeQuery, type ExportQuery } from '../query.js';
import type { FoundDataset } from '../read/find-dataset.js';
import { type ReadableDataset, withSchema } from '../read/open-dataset.js';
import { checkFiles, type FileProblem } from './check-files.js';
import { type ColumnProblem, compareRows, type PartitionComparison } from './compare.js';
import type { RefusedColumn } from './refused-values.js';

/** What a dataset is compared with, and repaired from. */
export interface Source {
  readonly sql: string;
  /** What becomes of infinite times and numbers. Default: what became of them when the dataset was written. */
  readonly infinity?: MisfitRules['infinity'] | undefined;
  /** What a person can do about values that are refused. */
  readonly remedies?: MisfitRules['remedies'];
}

export interface Verification {
  readonly rows: { readonly dataset: number; readonly database: number };
  /** Without partitions there is one. */
  readonly partitions: readonly PartitionComparison[];
  readonly columns: readonly ColumnProblem[];
  /** Columns of the database with values that the dataset cannot hold. */
  readonly refused: readonly RefusedColumn[];
  /** Unknown of a dataset without a manifest. */
  readonly files: readonly FileProblem[];
}

/** What a run found, and did. */
export interface VerificationResult extends Verification {
  readonly path: string;
  /** How many partitions were compared; those that are equal are listed with --by-partition. */
  readonly compared: number;
  /** Partitions that were rewritten. What the others say is what was found after that. */
  readonly repaired: readonly string[];
}

/**
 * Compares a dataset with a query, all of one snapshot, and its files with its manifest.
 * @throws as the client; UserError exit 2
 */
export async function verifyDataset(
  client: PostgresClient,
  source: Source,
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
    const query = await describeAsWritten(client, source, dataset);
    // Where no file is whole, nothing is known of its columns.
    const schema = files.length === 0 ? [...query.columns, ...query.partitions] : dataset.schema;
    const comparison = await compareRows(
      client,
      query,
      { ...dataset, schema },
      found.files.filter(({ path }) => broken.has(path)),
      signal,
      progress,
    );
    const sum = (side: 'dataset' | 'database') =>
      comparison.partitions.reduce((total, { rows }) => total + rows[side], 0);
    return {
      rows: { dataset: sum('dataset'), database: sum('database') },
      ...comparison,
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
  { sql, infinity, remedies }: Source,
  { manifest, partitionBy, schema }: ReadableDataset,
): Promise<ExportQuery> {
  const reader = readers.find((each) => each === manifest?.reader) ?? ('all' satisfies Reader);
  const describe = (numeric: Decimal | undefined) =>
    describeQuery(client, sql, partitionBy, {
      profile: profileOf('parquet', reader),
      numeric,
      misfits: {
        infinity: infinity ?? manifest?.infinity ?? 'error',
        misread: 'keep',
        ...(remedies && { remedies }),
      },
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
