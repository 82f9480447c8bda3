import { dirname } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { scaled } from '../../scale.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { found, randomTables, stored } from './random-table.js';
import { farTimes as anyTimes, times } from './sql-types.js';
import { decimals, farTimes, manyReaders } from './type-cases.js';
import { written } from './written.js';

needs('postgres', 'lake')('what Spark reads', () => {
  let database: OwnDatabase;
  let lake: Lake;
  let folder: TemporaryDirectory;
  beforeAll(async () => {
    [database, lake, folder] = await Promise.all([ownDatabase(), openLake(), temporaryDirectory('types')]);
  });
  afterAll(() => Promise.all([lake.close(), folder.remove()]));

  it('is what PostgreSQL has, whichever of these readers it was written for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc
          .constantFrom(
            { format: 'parquet', reader: 'all' } as const,
            { format: 'parquet', reader: 'spark' } as const,
            { format: 'parquet', reader: 'hive' } as const,
            { format: 'orc', reader: 'all' } as const,
          )
          .chain((writing) =>
            fc.tuple(randomTables(writing.format === 'orc' ? times : anyTimes), fc.constant(writing)),
          ),
        async ([table, writing]) => {
          const expected = await stored(database, table);
          const { path } = await written(database.url, 'TABLE random', folder.path, writing);
          const rows = await lake.spark(`SELECT * FROM ${writing.format}.\`${path}\``);
          expect(found(rows, table)).toEqual(expected);
        },
      ),
      { numRuns: scaled(4) },
    );
  });

  it.each([
    ['parquet', 'all'],
    ['parquet', 'spark'],
    ['parquet', 'hive'],
    ['orc', 'all'],
  ] as const)(
    'from %s is right for the types of which readers disagree, written for %s',
    async (format, reader) => {
      for (const { sql, rows } of [manyReaders, decimals]) {
        const { path } = await written(database.url, sql, folder.path, { format, reader });
        expect((await lake.spark(`SELECT * FROM ${format}.\`${path}\` ORDER BY row`)).rows).toEqual(rows);
      }
    },
  );

  it('is right to the microsecond for far times', async () => {
    const { path } = await written(database.url, farTimes.sql, folder.path);
    expect((await lake.spark(`SELECT * FROM parquet.\`${path}\` ORDER BY row`)).rows).toEqual(farTimes.rows);
  });

  it('from ORC is right for far times, but for those that a warning names', async () => {
    const { path, warnings } = await written(database.url, farTimes.sql, folder.path, { format: 'orc' });
    const { rows } = await lake.spark(`SELECT * FROM orc.\`${path}\` ORDER BY row`);
    const misread = ['2', '5', '7'];
    const isRead = (row: readonly unknown[]) => !misread.includes(row[0] as string);
    expect(rows.filter(isRead)).toEqual(farTimes.rows.filter(isRead));
    expect(rows.filter((row, i) => row[1] !== farTimes.rows[i]![1]).map(([row]) => row)).toEqual(misread);
    expect(warnings).toEqual([
      "column 'at' has 3 values that some readers of ORC misread: a day before the year 1, first in row 2 (row = 2)",
      "column 'instant' has 3 values that some readers of ORC misread: a day before the year 1, first in row 2 (row = 2)",
      "column 'day' has 2 values that some readers of ORC misread: a day before the year 1, first in row 2 (row = 2)",
    ]);
  });

  it.each(['parquet', 'orc'] as const)(
    "from %s is right with Hive's SerDe, written for Hive",
    async (format) => {
      const tables = {
        many: {
          ...manyReaders,
          columns:
            'id string, at bigint, zoned string, lasts struct<months:int, days:int, micros:bigint>, doc string, seen timestamp, price decimal(9,2), address string',
        },
        decimals: {
          ...decimals,
          columns:
            'small decimal(9,2), middle decimal(18,4), large decimal(38,10), rounded decimal(7,0), free string',
        },
      };
      for (const [name, { sql, rows, columns }] of Object.entries(tables)) {
        const { path } = await written(database.url, sql, folder.path, { format, reader: 'hive' });
        const table = `${name}_${format}`;
        const read = await lake.spark(
          'SET spark.sql.hive.convertMetastoreParquet = false',
          'SET spark.sql.hive.convertMetastoreOrc = false',
          `CREATE EXTERNAL TABLE ${table} (row int, ${columns}) STORED AS ${format} LOCATION '${dirname(path)}'`,
          `SELECT * FROM ${table} ORDER BY row`,
        );
        expect(read.rows).toEqual(rows);
      }
    },
  );
});
