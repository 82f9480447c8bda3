import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Reader } from '../../../src/lib/columnar/reader-profiles.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { type OwnDatabase, ownDatabase } from '../../servers/shared.js';
import { KeptDataset } from './kept-dataset.js';

needs('postgres')('times in datasets that are appended to and compacted by turns', () => {
  let database: OwnDatabase;
  let parent: TemporaryDirectory;
  const open: KeptDataset[] = [];

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('instants')]);
  });
  afterAll(async () => {
    await Promise.all(open.map((dataset) => dataset.close()));
    await parent.remove();
  });

  // Hive's files have times as INT96, which does not say whether they have a zone.
  test.each(['hive', 'all'] satisfies Reader[])('keep their types, written for %s', async (reader) => {
    const table = `times_${reader}`;
    await database.sql(`create table ${table} (id int, k text, ts timestamptz, local timestamp, times timestamptz[]);
      insert into ${table} select n, 'k' || n % 2, now() + n * interval '1 us', '2026-01-01', '{2026-01-01, null}' from generate_series(0, 5) n`);
    const dataset = await KeptDataset.open(database.url, table, parent.path, { partitionBy: ['k'], reader });
    open.push(dataset);
    const { manifest } = await dataset.night();
    let id = 100;
    const append = async (partition: string) => {
      await database.sql(
        `insert into ${table} values (${id++}, '${partition}', now(), '2026-01-01 00:00:00.000001', '{}')`,
      );
      await dataset.night();
    };
    await append('k0');
    // One of the two partitions has files to merge.
    await dataset.compact();
    await append('k1');
    await append('k0');
    await dataset.compact();
    await append('k1');
    const last = await dataset.manifest();
    expect(last.columns).toEqual(manifest.columns);
    expect(last.files).toHaveLength(3);
    const { partitions, columns } = await dataset.verify();
    expect(columns).toEqual([]);
    expect(partitions.map(({ isEqual, rows }) => [isEqual, rows.database])).toEqual([
      [true, 5],
      [true, 5],
    ]);
  });
});
