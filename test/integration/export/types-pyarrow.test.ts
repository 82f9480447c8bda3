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

needs('postgres', 'lake')('what pyarrow reads', () => {
  let database: OwnDatabase;
  let lake: Lake;
  let folder: TemporaryDirectory;
  beforeAll(async () => {
    [database, lake, folder] = await Promise.all([ownDatabase(), openLake(), temporaryDirectory('types')]);
  });
  afterAll(() => Promise.all([lake.close(), folder.remove()]));

  it.each([
    // It has ORC's times in nanoseconds, of which 64 bits hold 584 years.
    ['orc', []],
    ['parquet', anyTimes],
  ] as const)('from %s is what PostgreSQL has', async (format, more) => {
    await fc.assert(
      fc.asyncProperty(randomTables(more), async (table) => {
        const expected = await stored(database, table);
        const { path } = await written(database.url, 'TABLE random', folder.path, { format });
        expect(found(await lake.pyarrow(path, { format }), table)).toEqual(expected);
      }),
      { numRuns: scaled(8) },
    );
  });

  it.each([
    ['parquet', 'all'],
    ['parquet', 'hive'],
    ['orc', 'all'],
  ] as const)(
    'from %s is right for the types of which readers disagree, written for %s',
    async (format, reader) => {
      const { path } = await written(database.url, manyReaders.sql, folder.path, { format, reader });
      expect((await lake.pyarrow(path, { format })).rows).toEqual(manyReaders.rows);
    },
  );

  it('is right to the microsecond for far times', async () => {
    const { path } = await written(database.url, farTimes.sql, folder.path);
    expect((await lake.pyarrow(path)).rows).toEqual(farTimes.rows);
  });

  it.each(['parquet', 'orc'] as const)('from %s is right for decimals of any width', async (format) => {
    const { path } = await written(database.url, decimals.sql, folder.path, { format });
    const { types, rows } = await lake.pyarrow(path, { format });
    expect(rows).toEqual(decimals.rows);
    expect(types.slice(1, 5).map((type) => type.replace(/^decimal\d+/, ''))).toEqual([
      ...['(9, 2)', '(18, 4)', '(38, 10)', '(7, 0)'],
    ]);
  });
});
