import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { type OwnDatabase, ownDatabase } from '../../servers/shared.js';
import { KeptDataset } from './kept-dataset.js';

needs('postgres')('values of the database that a dataset cannot hold', () => {
  let database: OwnDatabase;
  let parent: TemporaryDirectory;
  let tables = 0;
  const open: KeptDataset[] = [];

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('refused')]);
  });
  afterAll(async () => {
    await Promise.all(open.map((dataset) => dataset.close()));
    await parent.remove();
  });

  /** A dataset of rows, which then have other values in the database. */
  const changed = async (sql: string, infinity: 'error' | 'null', change: string) => {
    const table = `refused_${tables++}`;
    await database.sql(`create table ${table} as ${sql}`);
    const dataset = await KeptDataset.open(database.url, table, parent.path, { partitionBy: ['k'] });
    open.push(dataset);
    await dataset.whole(infinity);
    await database.sql(`update ${table} set ${change}`);
    return dataset;
  };
  const differing = async (dataset: KeptDataset, infinity?: 'error' | 'null') => {
    const { partitions, refused } = await dataset.verify(infinity);
    const folders = partitions.filter(({ isEqual }) => !isEqual).map(({ partition }) => partition);
    return { folders, refused };
  };

  // More rows than a batch has, and the value in a later one.
  const rows = `select i as id, 'k' || i % 2 as k`;
  const many = 'from generate_series(1, 20001) i';
  test.each([
    [
      'where it was null',
      `${rows}, null::timestamptz as v ${many}`,
      `'infinity' where id = 20001`,
      'infinity',
    ],
    ['where it was a value', `${rows}, now() as v ${many}`, `'-infinity' where id = 17001`, '-infinity'],
    [
      'in an array',
      `${rows}, '{null}'::date[] as v from generate_series(1, 3) i`,
      `'{infinity}' where id = 3`,
      'infinity',
    ],
    [
      'as NaN in a decimal',
      `${rows}, null::numeric(4,1) as v from generate_series(1, 3) i`,
      `'NaN' where id = 3`,
      'NaN',
    ],
  ])('%s differ, and a repair refuses them as the export would', async (_, sql, change, value) => {
    const dataset = await changed(sql, 'error', `v = ${change}`);
    expect(await differing(dataset)).toEqual({
      folders: ['k=k1'],
      refused: [{ name: 'v', value, count: 1 }],
    });
    const before = await dataset.manifest();
    await expect(dataset.repair()).rejects.toMatchObject({ code: 'VALUE_REFUSED', exitCode: 2 });
    expect(await dataset.manifest()).toEqual(before);
  });

  test('infinity is null where that was asked for, now or when the dataset was written', async () => {
    const dataset = await changed(
      `${rows}, null::timestamptz as v from generate_series(1, 3) i`,
      'null',
      `v = 'infinity' where id = 3`,
    );
    expect(await differing(dataset)).toEqual({ folders: [], refused: [] });
    expect(await differing(dataset, 'error')).toMatchObject({ folders: ['k=k1'] });
  });

  test('a repair that writes infinity as null says so in the manifest', async () => {
    const dataset = await changed(
      `${rows}, now() as v from generate_series(1, 3) i`,
      'error',
      `v = 'infinity' where id = 3`,
    );
    await dataset.repair({ infinity: 'null' });
    expect((await dataset.manifest()).infinity).toBe('null');
    expect(await differing(dataset)).toEqual({ folders: [], refused: [] });
  });
});
