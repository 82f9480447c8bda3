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
    ['parquet', timestamps],
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
});
