import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { scaled } from '../../scale.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { found, randomTables, stored } from './random-table.js';
import { timestamps } from './sql-types.js';
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
        randomTables(timestamps),
        fc.constantFrom(
          { format: 'parquet', reader: 'all' } as const,
          { format: 'parquet', reader: 'spark' } as const,
          { format: 'parquet', reader: 'hive' } as const,
          { format: 'orc', reader: 'all' } as const,
        ),
        async (table, writing) => {
          const expected = await stored(database, table);
          const { path } = await written(database.url, 'TABLE random', folder.path, writing);
          const rows = await lake.spark(`SELECT * FROM ${writing.format}.\`${path}\``);
          expect(found(rows, table)).toEqual(expected);
        },
      ),
      { numRuns: scaled(8) },
    );
  });
});
