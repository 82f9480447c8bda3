import { dirname } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { openPostgres } from '../../../src/lib/clients/postgres.js';
import { findDataset } from '../../../src/lib/export/read/find-dataset.js';
import { openDataset } from '../../../src/lib/export/read/open-dataset.js';
import { readRows } from '../../../src/lib/export/read/read-rows.js';
import { isVerified, verifyDataset } from '../../../src/lib/export/verify/verify.js';
import { scaled } from '../../scale.js';
import type { LakeValue } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { lakeValue } from './lake-cells.js';
import { found, randomTables, stored } from './random-table.js';
import { farTimes } from './sql-types.js';
import { written } from './written.js';

needs('postgres')('what metrify reads of its own files', () => {
  let database: OwnDatabase;
  let folder: TemporaryDirectory;
  beforeAll(async () => {
    [database, folder] = await Promise.all([ownDatabase(), temporaryDirectory('read-own')]);
  });
  afterAll(() => folder.remove());

  const verified = async (path: string, sql: string) => {
    const { signal } = new AbortController();
    const limits = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    const client = await openPostgres({ url: database.url }, limits, signal);
    try {
      return await verifyDataset(client, sql, await findDataset(dirname(path)), signal, { update: () => {} });
    } finally {
      await client.close();
    }
  };

  it('is what PostgreSQL has, whoever it was written for, and verifies', async () => {
    await fc.assert(
      fc.asyncProperty(
        randomTables(farTimes),
        fc.constantFrom('all', 'duckdb', 'spark', 'trino', 'hive'),
        async (table, reader) => {
          const expected = await stored(database, table);
          const { path } = await written(database.url, 'TABLE random', folder.path, { reader });
          const dataset = await openDataset(path);
          const rows: LakeValue[][] = [];
          for await (const row of readRows(dataset))
            rows.push(row.map((cell, i) => lakeValue(cell, dataset.schema[i]!.type)));
          expect(found({ names: [], types: [], rows }, table)).toEqual(expected);

          const same = await verified(path, 'SELECT * FROM random ORDER BY row DESC');
          expect(same).toMatchObject({ columns: [], files: [] });
          expect(isVerified(same)).toBe(true);
          if (rows.length === 0) return;
          // Null becomes a value, or a value null.
          const value = table.rows[0]!.findIndex((cell) => cell !== 'NULL');
          if (value === -1) return;
          await database.sql(`UPDATE random SET c${value} = NULL WHERE row = 0`);
          expect((await verified(path, 'TABLE random')).partitions).toMatchObject([
            { isEqual: false, columns: [{ name: `c${value}` }] },
          ]);
        },
      ),
      { numRuns: scaled(12) },
    );
  });

  it('tells any two values apart', async () => {
    await fc.assert(
      fc.asyncProperty(randomTables(farTimes), async (table) => {
        if (table.rows.length < 2) return;
        const expected = await stored(database, table);
        const { path } = await written(database.url, 'SELECT * FROM random WHERE row <> 1', folder.path);
        // Of the second row, what the first has, but for one column.
        const other = 'SELECT * FROM random WHERE row <> 0';
        const differs = table.types.flatMap((_, i) =>
          JSON.stringify(expected[0]![i]) === JSON.stringify(expected[1]![i]) ? [] : [`c${i}`],
        );
        const { partitions } = await verified(path, other);
        const columns = partitions[0]!.columns.map(({ name }) => name);
        expect(columns).toEqual(expect.arrayContaining(['row', ...differs]));
      }),
      { numRuns: scaled(6) },
    );
  });
});
