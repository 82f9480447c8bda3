import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { PostgresClient } from '../../clients/postgres.js';
import type { PostgresSettings } from '../../clients/settings.js';
import { UserError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { quoteIdentifier } from '../../sql/quote.js';
import { Dataset } from '../dataset.js';
import type { ExportJob } from '../export-query.js';
import type { Manifest } from '../manifest.js';
import type { ExportQuery } from '../query.js';
import { inSnapshot } from '../snapshot.js';
import { askForSpark } from './columns.js';
import { program } from './program.js';
import { jdbcSource, type KeyRange } from './source.js';
import { type SparkOptions, submit } from './submit.js';

export interface SparkJob extends ExportJob {
  readonly postgres: PostgresSettings;
  readonly compression: string;
  readonly infinity: 'error' | 'null';
  readonly spark: SparkOptions;
  /** Reads ranges of a column at once. */
  readonly ranges: { readonly column: string; readonly count: number } | undefined;
}

/**
 * `exportQuery`, where Spark reads the rows and writes the files: from this connection's snapshot, into a folder aside. They
 * become the dataset's as any others do.
 * @throws as `exportQuery`; UserError `SPARK_TYPE`, `SPARK_MISSING`, `SPARK_DRIVER`; ServiceUnavailable `SPARK_FAILED`
 */
export async function exportWithSpark(
  client: PostgresClient,
  job: SparkJob,
  signal: AbortSignal,
  progress: Progress,
): Promise<Manifest> {
  const { query, sql, target, spark } = job;
  const { partitionTypes, reader } = query;
  const dataset = await Dataset.open(target, query.columns, { ...job, query: sql, reader, partitionTypes });
  // Only we may enter: the job has the password.
  const folder = await mkdtemp(join(spark.temporaryFolder, 'metrify-spark-'));
  try {
    const connect = () => Promise.resolve(client);
    const facts = await inSnapshot(client, { count: 1, connect }, async ({ text }) => {
      // While Spark reads, this connection only holds the snapshot.
      await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      const files = await written(client, job, folder, signal);
      let rows = 0;
      for (const { path, within, count } of files) {
        await dataset.adopt(within, count, createReadStream(path, { highWaterMark: 1024 * 1024 }));
        progress.update((rows += count));
      }
      return { snapshot: text };
    });
    return await dataset.finish(facts);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await dataset.close();
  }
}

interface Written {
  readonly path: string;
  /** The folder of the partition. */
  readonly within: string;
  /** Rows. */
  readonly count: number;
}

/** Has Spark write the rows to files. */
async function written(
  client: PostgresClient,
  { query, partitionBy, sortBy = [], compression, infinity, ranges, spark, postgres }: SparkJob,
  folder: string,
  signal: AbortSignal,
): Promise<Written[]> {
  const snapshot = (await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id')).rows[0]!.id;
  const { columns: described } = await client.query(`SELECT * FROM (${query.sql}) AS export LIMIT 0`);
  const types = described.map(({ type }) => type);
  const asked = askForSpark(query, types, infinity);
  const range = ranges && (await rangeOf(client, query, ranges));
  const source = await jdbcSource(postgres, asked.sql, snapshot, range, folder);
  const output = join(folder, 'files');
  const result = join(folder, 'result.json');
  const spec = { source, columns: asked.columns, partitionBy, sortBy, compression, output, result };
  const paths = { program: join(folder, 'program.py'), job: join(folder, 'job.json') };
  await writeFile(paths.program, program, { mode: 0o600 });
  await writeFile(paths.job, JSON.stringify(spec), { mode: 0o600 });
  await submit([paths.program, paths.job], spark, signal);
  const counts = JSON.parse(await readFile(result, 'utf8')) as Record<string, number>;
  return Object.entries(counts)
    .map(([url, count]) => {
      const path = fileURLToPath(url.replace(/^file:\/*/, 'file:///'));
      return { path, within: relative(output, dirname(path)), count };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** @returns undefined where there are no rows @throws UserError `SPARK_RANGE` */
async function rangeOf(
  client: PostgresClient,
  { sql, columns }: ExportQuery,
  { column, count }: NonNullable<SparkJob['ranges']>,
): Promise<KeyRange | undefined> {
  const found = columns.find(({ name }) => name === column);
  if (found === undefined || !('meaning' in found.type) || found.type.meaning.kind !== 'integer')
    throw new UserError(`--parallel-by ${column} is not a column of integers in the files`, {
      code: 'SPARK_RANGE',
      hint: 'Give a column like an id, whose values are spread evenly.',
    });
  const name = quoteIdentifier(column);
  const { rows } = await client.query<{ least: string | null; most: string | null }>(
    `SELECT min(${name})::text AS least, max(${name})::text AS most FROM (${sql}) AS export`,
  );
  const { least, most } = rows[0]!;
  return least === null || most === null ? undefined : { column, least, most, count };
}
