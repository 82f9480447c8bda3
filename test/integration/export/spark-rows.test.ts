import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, beforeEach, expect, it } from 'vitest';

import { openPostgres } from '../../../src/lib/clients/postgres.js';
import { profileOf } from '../../../src/lib/columnar/reader-profiles.js';
import { exportQuery } from '../../../src/lib/export/export-query.js';
import { FolderTarget } from '../../../src/lib/export/folder-target.js';
import { describeQuery } from '../../../src/lib/export/query.js';
import { readWithSpark } from '../../../src/lib/export/spark/spark-rows.js';
import { submit } from '../../../src/lib/export/spark/submit.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { createdBy, formats } from './written.js';

let folder: TemporaryDirectory;
beforeEach(async () => {
  folder = await temporaryDirectory('submit');
  return () => folder.remove();
});

/** In the place of Spark: a program that fails, or errs, in ways that the real one seldom does. */
async function pretender(script: string) {
  await mkdir(join(folder.path, 'bin'));
  const path = join(folder.path, 'bin', 'spark-submit');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  const env = { SPARK_HOME: folder.path, PATH: process.env['PATH'] };
  return { conf: [], env, temporaryFolder: folder.path };
}

const { signal } = new AbortController();

it('Spark is ended where the export is stopped', async () => {
  const options = await pretender('exec sleep 60');
  const stop = new AbortController();
  const submitting = submit([], options, stop.signal);
  stop.abort(new Error('stopped'));
  await expect(submitting).rejects.toThrow('stopped');
});

needs('postgres')('rows that Spark writes', () => {
  let database: OwnDatabase;
  beforeAll(async () => {
    database = await ownDatabase();
  });

  it('are as many as the snapshot has, in each partition, or there is an error', async () => {
    const client = await openPostgres(
      { url: database.url },
      { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 },
      signal,
    );
    // Where program.py and job.json lie, so does what Spark writes.
    const spark = await pretender(
      `cd "$(dirname "$4")"; mkdir -p files/k=a; echo rows > files/k=a/part-0.parquet; echo "{\\"file://$PWD/files/k=a/part-0.parquet\\": 2}" > result.json`,
    );
    const to = join(folder.path, 'to');
    const work = async (sql: string) => {
      const rules = {
        profile: profileOf('parquet', 'all'),
        numeric: undefined,
        misfits: { infinity: 'error', misread: 'keep' },
      } as const;
      const query = await client.readOnly(() => describeQuery(client, sql, ['k'], rules));
      const job = {
        ...{
          query,
          sql,
          target: new FolderTarget(to),
          format: formats.parquet,
          partitionBy: ['k'],
          rowGroupRows: 20,
          createdBy,
        },
      };
      const read = readWithSpark({
        postgres: { url: database.url },
        compression: 'snappy',
        spark,
        ranges: undefined,
      });
      return exportQuery(client, job, signal, { update: () => {} }, read);
    };
    try {
      await expect(work(`SELECT 1 AS id, 'a' AS k FROM generate_series(1, 3)`)).rejects.toMatchObject({
        code: 'SPARK_FAILED',
        message: 'Spark wrote 2 rows where the database has 3 rows (k=a)',
      });
      await expect(
        work(`SELECT 1 AS id, k FROM (VALUES ('a'), ('a'), ('b')) AS v (k)`),
      ).rejects.toMatchObject({
        message: 'Spark wrote 0 rows where the database has 1 row (k=b)',
      });
      for (const sql of [`SELECT 1 AS id, 'a' AS k LIMIT 2`, `SELECT random() AS id, 'a' AS k`])
        await expect(work(sql)).rejects.toMatchObject({ code: 'SPARK_QUERY', exitCode: 2 });
      expect(await readdir(to)).toEqual([]);
      const { manifest } = await work(`SELECT 1 AS id, 'a' AS k FROM generate_series(1, 2)`);
      expect(manifest).toMatchObject({ rows: 2, files: [{ path: 'k=a/part-00000.parquet', bytes: 5 }] });
    } finally {
      await client.close();
    }
  });
});
