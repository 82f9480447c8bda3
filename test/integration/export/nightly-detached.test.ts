import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { type OwnDatabase, ownDatabase } from '../../servers/shared.js';
import { KeptDataset } from './kept-dataset.js';

needs('postgres')('partitions of a table that are detached for some runs', () => {
  let database: OwnDatabase;
  let parent: TemporaryDirectory;
  let tables = 0;
  const open: KeptDataset[] = [];

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('detached')]);
  });
  afterAll(async () => {
    await Promise.all(open.map((dataset) => dataset.close()));
    await parent.remove();
  });

  const created = async () => {
    const table = `measures_${tables++}`;
    await database.sql(`create table ${table} (id int, k int, ts timestamptz) partition by list (k);
      create table ${table}_1 partition of ${table} for values in (1);
      create table ${table}_2 partition of ${table} for values in (2);
      insert into ${table} select n, 1 + n % 2, now() from generate_series(0, 5) n`);
    const dataset = await KeptDataset.open(database.url, table, parent.path, { partitionBy: ['k'] });
    open.push(dataset);
    const ids = async () =>
      (await database.sql(`select id from ${table} order by id`)).map(({ id }) => id as number);
    const detach = () => database.sql(`alter table ${table} detach partition ${table}_2`);
    const attach = () => database.sql(`alter table ${table} attach partition ${table}_2 for values in (2)`);
    return { table, dataset, ids, detach, attach };
  };

  test('append refuses one that is attached again, and rewrite finds what changed in it meanwhile', async () => {
    const { table, dataset, ids, detach, attach } = await created();
    await dataset.night();
    await detach();
    await database.sql(`update ${table}_2 set id = id + 100 where id = 1`);
    await dataset.night();
    await dataset.night();
    await attach();
    const before = await dataset.manifest();
    await expect(dataset.night()).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
      exitCode: 4,
      message: expect.stringContaining(`${table}_2 was detached`),
      hint: expect.stringContaining('--on-change rewrite'),
    });
    expect(await dataset.manifest()).toEqual(before);
    await dataset.night('rewrite');
    expect(await dataset.values('id')).toEqual(await ids());
    await database.sql(`insert into ${table} values (200, 2, now())`);
    await dataset.night();
    expect(await dataset.values('id')).toEqual(await ids());
  });

  test('once its rows have left the dataset, one that is attached again comes whole', async () => {
    const { dataset, ids, detach, attach } = await created();
    await dataset.night('rewrite');
    await detach();
    await dataset.night('rewrite');
    expect(await dataset.values('id')).toEqual(await ids());
    await attach();
    await dataset.night('append');
    expect(await dataset.values('id')).toEqual(await ids());
  });
});
