import type { PostgresClient } from '../clients/postgres.js';
import type { Batch } from '../columnar/batch.js';
import { BatchReader } from '../columnar/postgres/batch-reader.js';
import type { FileFormat } from '../columnar/sink.js';
import type { Progress } from '../core/progress.js';
import { formatBytes } from '../core/units.js';
import { quoteIdentifier } from '../sql/quote.js';
import { batchBytes, dividedRows, rowsOfBatch } from './batch-size.js';
import { Dataset } from './dataset.js';
import { estimateQuery } from './estimate.js';
import type { Facts } from './manifest.js';
import { guessedValues } from './partition-path.js';
import { type Division, divideByKey, divideByPlace } from './parts.js';
import type { ExportQuery } from './query.js';
import type { Exported } from './result.js';
import { inSnapshot } from './snapshot.js';
import type { Target } from './target.js';
import { annotate, type Update } from './update.js';

export interface ExportJob {
  readonly query: ExportQuery;
  /** As it was given, for the manifest. */
  readonly sql: string;
  readonly target: Target;
  readonly format: FileFormat;
  readonly partitionBy: readonly string[];
  /** Maximum rows of a row group or stripe. */
  readonly rowGroupRows: number;
  readonly createdBy: string;
  /** Columns by which the rows of a file are sorted. Default: none, and then the rows come as the query gives them. */
  readonly sortBy?: readonly string[];
  /** A file that has become so long is followed by another. */
  readonly fileBytes?: number;
  readonly parallel?: Parallel;
  /** How long files that are replaced stay, as in `DatasetOptions`. */
  readonly keepOldMs?: number;
  /** Reads the files back, as in `DatasetOptions`. */
  readonly readBack?: AbortSignal;
  /** Says which of the query's rows are written, and what they replace. Default: all rows, and they replace all. */
  readonly update?: Update;
}

export interface Parallel {
  /** Connections, at least 2. */
  readonly count: number;
  /** The column by whose values the rows are divided. Default: by where they lie in their table. */
  readonly by?: string;
  connect(): Promise<PostgresClient>;
}

/** What rows are read from, and where to. */
export interface Reading {
  /** See the same snapshot. */
  readonly clients: readonly PostgresClient[];
  readonly job: ExportJob;
  readonly dataset: Dataset;
}

/** Reads all rows of a job. @returns what the person may not expect */
export type ReadRows = (
  reading: Reading,
  signal: AbortSignal,
  progress: Progress,
) => Promise<readonly string[]>;

/**
 * Writes the rows of a query as a dataset, all of one snapshot. Until the last of them is written, nothing of the dataset that
 * was there changes.
 * @param readRows Default: this process reads them
 * @throws as the client; UserError `VALUE_REFUSED`; ServiceUnavailable `SNAPSHOT_NOT_VISIBLE`; ServiceConflict `LOCK_HELD`;
 * NotWritten
 */
export async function exportQuery(
  client: PostgresClient,
  job: ExportJob,
  signal: AbortSignal,
  progress: Progress,
  readRows: ReadRows = readWithCopy,
): Promise<Exported> {
  const { query, sql, target } = job;
  const options = { ...job, query: sql, reader: query.reader, partitionTypes: query.partitionTypes };
  const dataset = await Dataset.open(target, query.columns, options);
  try {
    const notes: string[] = [];
    const connections = { count: 1, connect: async () => client, ...job.parallel };
    const read = await inSnapshot(client, connections, async ({ text, time, clients }) => {
      const facts: Facts = { snapshot: text, snapshotTime: time, infinity: query.infinity };
      annotate(dataset, facts);
      const asked = await askedFor(client, job, dataset);
      notes.push(...(await readRows({ clients, job: asked, dataset }, signal, progress)));
      return facts;
    });
    const manifest = await dataset.finish(job.update ? await job.update.prepare(dataset.run, read) : read);
    await job.update?.end();
    const paths = manifest.files.map(({ path }) => path);
    const guessed = guessedValues(query.textPartitions, paths);
    return { manifest, written: dataset.written, notes: [...notes, ...guessed] };
  } finally {
    await dataset.close();
  }
}

/** Over the binary COPY of each connection. */
const readWithCopy: ReadRows = async ({ clients, job, dataset }, signal, progress) => {
  const estimate = await estimateQuery(clients[0]!, job.query.sql);
  const { queries, note } = await divide(clients[0]!, job);
  const meter = new Meter(progress, estimate.rows);
  await allOrNone(queries, signal, (part, i, stop) => copy(clients[i]!, part, job, dataset, meter, stop));
  return note === undefined ? [] : [note];
};

/** The job for the rows that are to be written in this snapshot. */
async function askedFor(client: PostgresClient, job: ExportJob, dataset: Dataset): Promise<ExportJob> {
  const sql = await job.update?.begin(client, dataset);
  if (sql === undefined) return job;
  return { ...job, sql, query: { ...job.query, sql: `${job.query.select} FROM (${sql}) AS query` } };
}

/** PostgreSQL sorts: partition by partition, so that few are open at a time. */
async function divide(client: PostgresClient, job: ExportJob): Promise<Division> {
  const { query, sql, partitionBy, sortBy = [], parallel } = job;
  if (parallel?.by !== undefined) return divideByKey(client, query, sql, parallel.by, parallel.count);
  if (parallel) return divideByPlace(client, query, sql, parallel.count);
  if (sortBy.length === 0) return { queries: [query.sql] };
  const order = [...partitionBy, ...sortBy].map((name) => `query.${quoteIdentifier(name)}`);
  return { queries: [`${query.sql} ORDER BY ${order.join(', ')}`] };
}

async function copy(
  client: PostgresClient,
  sql: string,
  job: ExportJob,
  dataset: Dataset,
  meter: Meter,
  signal: AbortSignal,
): Promise<void> {
  const { query, partitionBy, rowGroupRows } = job;
  const columns = [...query.columns, ...query.partitions];
  const most = partitionBy.length === 0 ? rowGroupRows : dividedRows;
  const write = async (batch: Batch) => {
    await dataset.write(batch);
    meter.addRows(batch.rows);
  };
  const reader = new BatchReader(columns, rowsOfBatch(columns, most), write, query.refusals, batchBytes);
  const take = (block: Buffer) => {
    meter.bytes += block.length;
    return reader.take(block);
  };
  await client.copyBlocks(`COPY (${sql}) TO STDOUT (FORMAT binary)`, take, { signal });
  await reader.end();
}

/** Does the work for each; when one fails the others are stopped. @throws what failed first */
async function allOrNone<T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T, i: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const works = items.map((item, i) =>
    work(item, i, either).catch((error: unknown) => {
      failure.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(works);
  if (failure.signal.aborted) throw failure.signal.reason;
}

/** Says how fast it goes. */
class Meter {
  bytes = 0;
  #rows = 0;
  readonly #began = performance.now();

  constructor(
    readonly progress: Progress,
    readonly total: number,
  ) {}

  addRows(rows: number): void {
    this.#rows += rows;
    const seconds = (performance.now() - this.#began) / 1000;
    // An estimate that turns out too low says nothing.
    const total = this.#rows < this.total ? this.total : undefined;
    this.progress.update(this.#rows, total, `${formatBytes(this.bytes / Math.max(seconds, 0.001))}/s`);
  }
}
