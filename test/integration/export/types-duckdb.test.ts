import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { scaled } from '../../scale.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { found, randomTables, stored } from './random-table.js';
import { farTimes as anyTimes } from './sql-types.js';
import { decimals, farTimes, manyReaders } from './type-cases.js';
import { written } from './written.js';

needs('postgres', 'lake')('what DuckDB reads', () => {
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
        randomTables(anyTimes),
        fc.constantFrom('all', 'duckdb', 'spark', 'trino'),
        async (table, reader) => {
          const expected = await stored(database, table);
          const { path } = await written(database.url, 'TABLE random', folder.path, { reader });
          expect(found(await lake.duckdb(`SELECT * FROM '${path}'`), table)).toEqual(expected);
        },
      ),
      { numRuns: scaled(16) },
    );
  });

  it.each(['all', 'duckdb', 'spark', 'trino', 'hive'] as const)(
    'is right for the types of which readers disagree, written for %s',
    async (reader) => {
      const { path } = await written(database.url, manyReaders.sql, folder.path, { reader });
      const rows = await lake.duckdb(`SELECT * FROM '${path}' ORDER BY row`);
      expect(rows.rows).toEqual(manyReaders.rows);
    },
  );

  it('has its own types, written for it', async () => {
    const { path } = await written(database.url, manyReaders.sql, folder.path, { reader: 'duckdb' });
    const types = await lake.duckdb(
      `SELECT DISTINCT typeof(id), typeof("at"), typeof(lasts), typeof(doc), typeof(seen), typeof(price) FROM '${path}'`,
    );
    expect(types.rows).toEqual([
      [
        ...['UUID', 'TIME', 'STRUCT("months" INTEGER, "days" INTEGER, micros BIGINT)', 'JSON'],
        ...['TIMESTAMP WITH TIME ZONE', 'DECIMAL(9,2)'],
      ],
    ]);
  });

  it.each(['all', 'duckdb'] as const)(
    'is right to the microsecond for far times, written for %s',
    async (reader) => {
      const { path } = await written(database.url, farTimes.sql, folder.path, { reader });
      expect((await lake.duckdb(`SELECT * FROM '${path}' ORDER BY row`)).rows).toEqual(farTimes.rows);
    },
  );

  it.each(['all', 'hive'] as const)('is right for decimals of any width, written for %s', async (reader) => {
    const { path } = await written(database.url, decimals.sql, folder.path, { reader });
    expect((await lake.duckdb(`SELECT * FROM '${path}' ORDER BY row`)).rows).toEqual(decimals.rows);
  });

  it('has texts of 100 MB, empty ones, and none', async () => {
    const sql = `SELECT * FROM (VALUES (1, repeat('0123456789', 10000000)), (2, ''), (3, NULL)) AS t (row, doc)`;
    const { path } = await written(database.url, sql, folder.path);
    const { rows } = await lake.duckdb(`SELECT row, length(doc), md5(doc) FROM '${path}' ORDER BY row`);
    const [expected] = await database.sql(`SELECT md5(repeat('0123456789', 10000000)) AS md5`);
    expect(rows).toEqual([
      ['1', '100000000', expected!['md5']],
      ['2', '0', 'd41d8cd98f00b204e9800998ecf8427e'],
      ['3', null, null],
    ]);
  });

  it('has 1,600 columns', async () => {
    const columns = Array.from({ length: 1600 }, (_, i) => `n * ${i} AS c${i}`);
    const sql = `SELECT ${columns.join(', ')} FROM generate_series(1, 50) n`;
    const { path } = await written(database.url, sql, folder.path);
    const { rows } = await lake.duckdb(`SELECT count(*), sum(c1), sum(c1599) FROM '${path}'`);
    expect(rows).toEqual([['50', '1275', `${1275 * 1599}`]]);
  });

  it('has the columns of a query without rows', async () => {
    const sql = `SELECT * FROM (${manyReaders.sql}) AS t WHERE row < 0`;
    const { path } = await written(database.url, sql, folder.path);
    expect(await lake.duckdb(`SELECT * FROM '${path}'`)).toMatchObject({
      names: ['row', 'id', 'at', 'zoned', 'lasts', 'doc', 'seen', 'price', 'address'],
      rows: [],
    });
  });
});
