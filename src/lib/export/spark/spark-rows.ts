import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { PostgresClient } from '../../clients/postgres.js';
import type { PostgresSettings } from '../../clients/settings.js';
import { ServiceUnavailable, UserError } from '../../core/errors.js';
import { counted } from '../../core/units.js';
import { quoteIdentifier } from '../../sql/quote.js';
import type { ExportJob, ReadRows } from '../export-query.js';
import type { ExportQuery } from '../query.js';
import { whyChanging } from '../repeatable-query.js';
import { columnsForSpark, queryForSpark, type SparkColumn } from './columns.js';
import { program } from './program.js';
import { jdbcSource, type KeyRange } from './source.js';
import { type SparkOptions, submit } from './submit.js';
import { surveyRows } from './survey.js';

export interface SparkReading {
  readonly postgres: PostgresSettings;
  readonly compression: string;
  readonly spark: SparkOptions;
  /** Reads ranges of a column at once. */
  readonly ranges: { readonly column: string; readonly count: number } | undefined;
}

/**
 * Has Spark read the rows of `exportQuery`, from the snapshot of its one connection, and write the files, into a folder aside. They
 * become the dataset's as any others do. PostgreSQL first looks for values that do not fit, and counts the rows.
 * @throws UserError `SPARK_QUERY`, `SPARK_TYPE`, `SPARK_RANGE`, `SPARK_MISSING`, `SPARK_DRIVER`, `VALUE_REFUSED`, `PARTITION_VALUE`;
 * ServiceUnavailable `SPARK_FAILED`
 */
export function readWithSpark(reading: SparkReading): ReadRows {
  return async ({ clients, job, dataset }, signal, progress) => {
    const client = clients[0]!;
    await refuseChanging(client, job.sql);
    const { columns: described } = await client.query(`SELECT * FROM (${job.query.sql}) AS export LIMIT 0`);
    const columns = columnsForSpark(
      job.query,
      described.map(({ type }) => type),
    );
    const range = reading.ranges && (await rangeOf(client, job.query, reading.ranges));
    const expected = await surveyRows(client, job.query, columns);
    const total = [...expected.values()].reduce((sum, count) => sum + count, 0);
    if (total === 0) return [];
    // Only we may enter: the job has the password.
    const folder = await mkdtemp(join(reading.spark.temporaryFolder, 'metrify-spark-'));
    try {
      // While Spark reads, this connection only holds the snapshot.
      await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      const files = await written(client, job, columns, reading, range, folder, signal);
      checkCounts(files, expected);
      let rows = 0;
      for (const { path, within, count } of files) {
        await dataset.adopt(within, count, createReadStream(path, { highWaterMark: 1024 * 1024 }));
        progress.update((rows += count), total);
      }
      return [];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

/** PostgreSQL checks the rows in one run of the query, and Spark reads them in others. @throws UserError `SPARK_QUERY` */
async function refuseChanging(client: PostgresClient, sql: string): Promise<void> {
  const changing = await whyChanging(client, sql);
  if (changing === undefined) return;
  throw new UserError(`${changing}: Spark would read others than those that are checked`, {
    code: 'SPARK_QUERY',
    hint: 'Write the rows to a table first, or leave the engine spark out.',
  });
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
  { query, partitionBy, sortBy = [] }: ExportJob,
  columns: readonly SparkColumn[],
  { postgres, compression, spark }: SparkReading,
  range: KeyRange | undefined,
  folder: string,
  signal: AbortSignal,
): Promise<Written[]> {
  const snapshot = (await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id')).rows[0]!.id;
  const source = await jdbcSource(postgres, queryForSpark(query, columns), snapshot, range, folder);
  const output = join(folder, 'files');
  const result = join(folder, 'result.json');
  const kinds = columns.map(({ name, as }) => ({ name, as }));
  const spec = { source, columns: kinds, partitionBy, sortBy, compression, output, result };
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

/** @throws ServiceUnavailable `SPARK_FAILED` unless each partition has the rows that it has in the snapshot */
function checkCounts(files: readonly Written[], expected: ReadonlyMap<string, number>): void {
  const counts = new Map<string, number>();
  for (const { within, count } of files) counts.set(within, (counts.get(within) ?? 0) + count);
  for (const folder of new Set([...expected.keys(), ...counts.keys()])) {
    const [here, there] = [counts.get(folder) ?? 0, expected.get(folder) ?? 0];
    if (here === there) continue;
    throw new ServiceUnavailable(
      `Spark wrote ${counted(here, 'row')} where the database has ${counted(there, 'row')}${folder && ` (${folder})`}`,
      { code: 'SPARK_FAILED', hint: 'Nothing of the dataset was changed.' },
    );
  }
}

/** @returns undefined where there are no rows @throws UserError `SPARK_RANGE` */
async function rangeOf(
  client: PostgresClient,
  { sql, columns }: ExportQuery,
  { column, count }: NonNullable<SparkReading['ranges']>,
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
