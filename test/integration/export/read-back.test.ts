import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openPostgres, type PostgresClient } from '../../../src/lib/clients/postgres.js';
import type { FixedColumn } from '../../../src/lib/columnar/fixed-column.js';
import { OrcFileWriter } from '../../../src/lib/columnar/orc/file-writer.js';
import { openOrcCodec } from '../../../src/lib/columnar/orc/codec.js';
import { openCodec } from '../../../src/lib/columnar/parquet/codec.js';
import { parquetFormat } from '../../../src/lib/columnar/parquet/file-format.js';
import { profileOf, readers } from '../../../src/lib/columnar/reader-profiles.js';
import type { FileFormat, FileWriter, Sink } from '../../../src/lib/columnar/sink.js';
import { exportQuery } from '../../../src/lib/export/export-query.js';
import { FolderTarget } from '../../../src/lib/export/folder-target.js';
import { describeQuery } from '../../../src/lib/export/query.js';
import type { StagedFile } from '../../../src/lib/export/target.js';
import { fileNames } from '../../export/dataset.js';
import { metrifyInProcess } from '../../e2e/in-process.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { type OwnDatabase, ownDatabase } from '../../servers/shared.js';
import { createdBy } from './written.js';
import { decimals, farTimes, manyReaders } from './type-cases.js';

const { signal } = new AbortController();
const progress = { update: () => {} };

/** A format whose files have a fault. */
function changed(fault: (writer: FileWriter, sink: Sink) => Partial<FileWriter>) {
  return (format: FileFormat): FileFormat => ({
    ...format,
    open: (sink, schema) => {
      const writer = format.open(sink, schema);
      const whole: FileWriter = {
        get rows() {
          return writer.rows;
        },
        write: (batch) => writer.write(batch),
        end: (metadata) => writer.end(metadata),
      };
      return Object.defineProperties(whole, Object.getOwnPropertyDescriptors(fault(writer, sink)));
    },
  });
}

needs('postgres')('files that are read back before readers see them', () => {
  let database: OwnDatabase;
  let client: PostgresClient;
  let parent: TemporaryDirectory;
  let folders = 0;
  const newFolder = () => join(parent.path, `lake-${folders++}`);

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('read-back')]);
    const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    client = await openPostgres({ url: database.url }, timeouts, signal);
  });
  afterAll(async () => {
    await client.close();
    await parent.remove();
  });

  const rows = `SELECT i AS id, i % 3 AS k, CASE WHEN i % 5 > 0 THEN 'name ' || i % 11 END AS name,
      CASE WHEN i % 7 > 0 THEN ARRAY[i, NULL] END AS list, ROW(i, 'x')::pair AS pair FROM generate_series(1, 2000) AS i`;
  beforeAll(() => database.sql('create type pair as (a int, b text)'));

  const run = (format: string, folder: string, ...flags: string[]) =>
    metrifyInProcess(['export', format, '--to', folder, '--verify', '--json', ...flags], {
      env: { METRIFY_POSTGRES_URL: database.url },
    });

  test.each([
    ['parquet', []],
    ['parquet', ['--partition-by', 'k', '--row-group-rows', '300']],
    ['parquet', ['--partition-by', 'k', '--target-file-size', '2KB', '--row-group-rows', '100']],
    ['orc', ['--partition-by', 'k']],
  ])('%s files with %j are those that came', async (format, flags) => {
    const done = await run(format, newFolder(), '--sql', rows, ...flags);
    expect(done.code, done.stderr).toBe(0);
    expect(done.json()).toMatchObject({
      result: { rows: 2000, verified: format === 'orc' ? 'bytes' : 'rows' },
    });
  });

  test.each(readers)('values of every type for %s are those that came', async (reader) => {
    const ends = [];
    for (const { sql } of [manyReaders, farTimes, decimals]) {
      const done = await run('parquet', newFolder(), '--sql', sql, '--for', reader, '--infinity', 'null');
      // What a reader cannot have at all is refused before a row is written.
      ends.push(done.code === 0 ? done.json<{ result: { verified: string } }>().result.verified : done.code);
    }
    expect(ends).toContain('rows');
    expect(ends.filter((end) => end !== 'rows' && end !== 2)).toEqual([]);
  });

  test('rows of files and empty results are read back, too', async () => {
    const csv = join(parent.path, 'rows.csv');
    const file = createWriteStream(csv);
    await new Promise<void>((end) => file.end('id,at\n1,2026-01-01\n2,\n', () => end()));
    const read = await run('parquet', newFolder(), '--file', csv, '--types', 'id:int8,at:date');
    expect(read.json()).toMatchObject({ result: { rows: 2, verified: 'rows' } });
    const empty = await run('parquet', newFolder(), '--sql', 'select 1 as a where false');
    expect(empty.json()).toMatchObject({ result: { rows: 0, verified: 'rows' } });
  });

  /** Writes with a fault. */
  async function written(
    faulty: (format: FileFormat) => FileFormat,
    suffix: 'parquet' | 'orc',
    folder: string,
  ) {
    const codec = { parquet: await openCodec('snappy'), orc: await openOrcCodec('snappy') };
    const formats: Record<string, FileFormat> = {
      parquet: parquetFormat({ codec: codec.parquet, createdBy }),
      orc: { suffix, open: (sink, schema) => new OrcFileWriter(sink, schema, { codec: codec.orc }) },
    };
    const sql = 'SELECT i AS id, i * 2 AS twice, i % 2 AS k FROM generate_series(1, 100) AS i';
    const rules = { profile: profileOf(suffix, 'all'), numeric: undefined };
    const misfits = { infinity: 'error', misread: 'keep' } as const;
    const query = await client.readOnly(() => describeQuery(client, sql, ['k'], { ...rules, misfits }));
    const job = {
      ...{ query, sql, createdBy, target: new FolderTarget(folder), format: faulty(formats[suffix]!) },
      ...{ partitionBy: ['k'], rowGroupRows: 1000, readBack: signal },
    };
    return exportQuery(client, job, signal, progress);
  }

  test('a value that is written wrong is seen, and no reader sees it', async () => {
    const folder = newFolder();
    const faulty = changed((writer) => ({
      write: (batch) => {
        (batch.columns[1] as FixedColumn).int32[7]! ^= 1;
        return writer.write(batch);
      },
    }));
    await expect(written(faulty, 'parquet', folder)).rejects.toMatchObject({
      code: 'WRITTEN_DIFFERS',
      exitCode: 3,
      message: 'what was written is not what came: k=1 would have other values of twice',
    });
    expect(await fileNames(folder)).toEqual([]);
  });

  test.each(['parquet', 'orc'] as const)(
    'a byte of %s that the disk has changed is seen, and no reader sees it',
    async (suffix) => {
      const folder = newFolder();
      const faulty = changed((writer, sink) => ({
        end: async (metadata) => {
          await writer.end(metadata);
          const file = await open((sink as StagedFile).local!, 'r+');
          await file.write(Buffer.from('!'), 0, 1, 20);
          await file.close();
        },
      }));
      await expect(written(faulty, suffix, folder)).rejects.toMatchObject({
        code: 'WRITTEN_DIFFERS',
        exitCode: 3,
        message: expect.stringMatching(/k=[01]\/part-00000\.\w+ has other bytes than were written$/),
      });
      expect(await fileNames(folder)).toEqual([]);
    },
  );

  test.each([
    [['--to', 's3://lake/x'], 'files in S3 cannot be read before they are complete'],
    [['--to', 'x', '--engine', 'spark'], 'the rows that Spark writes do not pass metrify'],
  ])('is refused with %j', async (flags, message) => {
    const refused = await metrifyInProcess(
      ['export', 'parquet', '--sql', 'select 1 as a', '--verify', ...flags],
      {
        env: { METRIFY_POSTGRES_URL: database.url },
        cwd: parent.path,
      },
    );
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(message);
  });
});
