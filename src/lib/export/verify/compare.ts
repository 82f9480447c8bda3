import type { PostgresClient } from '../../clients/postgres.js';
import type { Batch } from '../../columnar/batch.js';
import { BatchReader } from '../../columnar/postgres/batch-reader.js';
import { typeName } from '../../columnar/type-name.js';
import type { Field } from '../../columnar/type.js';
import { widerType } from '../../columnar/wider-type.js';
import type { Progress } from '../../core/progress.js';
import { batchBytes } from '../batch-size.js';
import { partitionPath } from '../partition-path.js';
import { divide } from '../partitions.js';
import type { ExportQuery } from '../query.js';
import type { DatasetFile } from '../read/find-dataset.js';
import type { ReadableDataset } from '../read/open-dataset.js';
import { readBatches } from '../read/read-batches.js';
import { Digest, digestIn, type Digests, HashedBatch } from './digest.js';
import { type RefusedColumn, RefusedValues } from './refused-values.js';

/** The rows of a partition on both sides. */
export interface PartitionComparison {
  /** Its folder: `month=2026-01`; an empty text without partitions. */
  readonly partition: string;
  readonly isEqual: boolean;
  readonly rows: { readonly dataset: number; readonly database: number };
  /** Columns whose values are not the same ones. */
  readonly columns: readonly {
    readonly name: string;
    readonly nulls: { readonly dataset: number; readonly database: number };
  }[];
}

/** A column that only one side has, or whose types have no values in common. */
export interface ColumnProblem {
  readonly name: string;
  /** Undefined: there is none. */
  readonly dataset: string | undefined;
  readonly database: string | undefined;
}

export interface Comparison {
  readonly partitions: readonly PartitionComparison[];
  readonly columns: readonly ColumnProblem[];
  readonly refused: readonly RefusedColumn[];
}

/** Rows of a batch: the loops over columns pay. */
const batchRows = 16_384;

/**
 * Compares the rows of a dataset with those of a query, by partition: how many there are, and hashes of their values in no order.
 * @param broken files that are not among the dataset's, because they cannot be read: their partitions are not equal
 * @throws as the client; UserError exit 2
 */
export async function compareRows(
  client: PostgresClient,
  query: ExportQuery,
  dataset: ReadableDataset,
  broken: readonly DatasetFile[],
  signal: AbortSignal,
  progress: Progress,
): Promise<Comparison> {
  const problems = columnProblems(query.columns, dataset);
  const shared = query.columns.filter(({ name }) => !problems.some((problem) => problem.name === name));
  const names = shared.map(({ name }) => name);
  const numbers = shared.map((field) => query.columns.indexOf(field));
  let rows = 0;
  const advance = (count: number) => progress.update((rows += count));
  const refusals = new RefusedValues(query.infinity);
  const database = await digestQuery(client, query, numbers, refusals, signal, advance);
  const found = await digestDataset(dataset, names, signal, advance);
  const affected = new Set(broken.map(canonicalFolder));
  const all = new Set([...database.keys(), ...found.keys(), ...affected]);
  const partitions = [...all].sort().map((partition) => {
    const [ours, theirs] = [found, database].map((side) => side.get(partition) ?? new Digest(names.length));
    return {
      partition,
      isEqual: !affected.has(partition) && ours!.isEqual(theirs!),
      rows: { dataset: ours!.rows, database: theirs!.rows },
      columns: ours!.differing(theirs!).map((i) => ({
        name: names[i]!,
        nulls: { dataset: ours!.nulls(i), database: theirs!.nulls(i) },
      })),
    };
  });
  return { partitions, columns: problems, refused: refusals.columns };
}

function columnProblems(
  columns: readonly Field[],
  { schema, partitionBy }: ReadableDataset,
): ColumnProblem[] {
  const theirs = new Map(columns.map(({ name, type }) => [name, type]));
  const ours = new Map(schema.map(({ name, type }) => [name, type]));
  for (const name of partitionBy) ours.delete(name);
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((name) => {
    const [a, b] = [ours.get(name), theirs.get(name)];
    if (a && b && widerType(a, b)) return [];
    return [{ name, dataset: a && typeName(a), database: b && typeName(b) }];
  });
}

async function digestQuery(
  client: PostgresClient,
  query: ExportQuery,
  numbers: readonly number[],
  refusals: RefusedValues,
  signal: AbortSignal,
  advance: (rows: number) => void,
): Promise<Digests> {
  const digests: Digests = new Map();
  let before = 0;
  const names = query.partitions.map(({ name }) => name);
  const columns = [...query.columns, ...query.partitions];
  const use = async (batch: Batch) => {
    const hashed = new HashedBatch(batch, numbers, refusals.take(before));
    before += batch.rows;
    for (const { values, rows } of divide(batch, names.length))
      digestIn(digests, partitionPath(names, values), numbers.length).add(hashed, rows);
    advance(batch.rows);
  };
  const reader = new BatchReader(columns, batchRows, use, refusals, batchBytes);
  const copy = `COPY (${query.sql}) TO STDOUT (FORMAT binary)`;
  await client.copyBlocks(copy, (block) => reader.take(block), { signal });
  await reader.end();
  return digests;
}

async function digestDataset(
  dataset: ReadableDataset,
  names: readonly string[],
  signal: AbortSignal,
  advance: (rows: number) => void,
): Promise<Digests> {
  const digests: Digests = new Map();
  const numbers = names.map((_, i) => i);
  for await (const { batch, file } of readBatches(dataset, { columns: names, signal })) {
    digestIn(digests, canonicalFolder(file), names.length).add(new HashedBatch(batch, numbers), undefined);
    advance(batch.rows);
  }
  return digests;
}

/** As metrify would call it, whatever the writer calls it. */
function canonicalFolder({ partition }: DatasetFile): string {
  return partitionPath(
    partition.map(({ name }) => name),
    partition.map(({ value }) => value),
  );
}
