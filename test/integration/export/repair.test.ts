import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { findParquet } from '../../../src/lib/export/read/find-dataset.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { type OwnDatabase, ownDatabase } from '../../servers/shared.js';
import { KeptDataset } from './kept-dataset.js';

needs('postgres')('a dataset whose partitions are repaired', () => {
  let database: OwnDatabase;
  let parent: TemporaryDirectory;
  const open: KeptDataset[] = [];

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('repair')]);
  });
  beforeEach(async () => {
    await database.sql(`drop table if exists readings;
      create table readings (id int, day text, ts timestamptz, value float8);
      insert into readings select n, 'd' || n % 3, '2026-02-01'::timestamptz + n * interval '1 min', n from generate_series(0, 8) n`);
  });
  afterAll(async () => {
    await Promise.all(open.map((dataset) => dataset.close()));
    await parent.remove();
  });

  const opened = async (partitionBy: readonly string[]) => {
    const dataset = await KeptDataset.open(database.url, 'readings', parent.path, { partitionBy });
    open.push(dataset);
    return dataset;
  };
  const ids = async () => (await database.sql('select id from readings order by id')).map(({ id }) => id);
  const isEqual = async (dataset: KeptDataset) =>
    (await dataset.verify()).partitions.every((partition) => partition.isEqual);

  test.each([
    ['append', ['day']],
    ['append', []],
    ['rewrite', ['day']],
  ] as const)(
    'runs with --on-change %s continue after a repair (partitioned by %j)',
    async (onChange, by) => {
      const dataset = await opened(by);
      await dataset.night(onChange);
      await database.sql(`insert into readings values (100, 'd0', now(), 1), (101, 'd2', now(), 1)`);
      // A repair that comes after the rows, and before the run that would have written them.
      await database.sql(`update readings set value = -1 where id = 0`);
      const repaired = await dataset.repair();
      expect(repaired).toEqual(by.length === 0 ? [''] : ['day=d0', 'day=d2']);
      expect(await isEqual(dataset)).toBe(true);
      await database.sql(`insert into readings values (102, 'd0', now(), 1), (103, 'd1', now(), 1)`);
      const { summary } = await dataset.night(onChange);
      expect(summary.kind).toBe(onChange);
      expect(await dataset.values('id')).toEqual(await ids());
      expect(await isEqual(dataset)).toBe(true);
      // What was repaired is known to the state from here on.
      await database.sql(`insert into readings values (104, 'd0', now(), 1)`);
      const last = await dataset.night(onChange);
      expect(last.summary.rewritten).toEqual(onChange === 'append' ? [] : ['day=d0']);
      expect(await dataset.values('id')).toEqual(await ids());
    },
  );

  test('a partition that was repaired and is empty then leaves the dataset with the next run', async () => {
    const dataset = await opened(['day']);
    await dataset.night();
    await database.sql(`delete from readings where id = 0`);
    await dataset.repair();
    await database.sql(`delete from readings where day = 'd0'`);
    await dataset.night();
    expect(await dataset.values('id')).toEqual(await ids());
  });

  test('compaction between a repair and the next run loses nothing of what is known', async () => {
    const dataset = await opened(['day']);
    await dataset.night();
    await database.sql(`insert into readings values (100, 'd1', now(), 1)`);
    await dataset.night();
    await database.sql(`insert into readings values (101, 'd0', now(), 1)`);
    await dataset.repair();
    const before = await dataset.manifest();
    await dataset.compact();
    const { query, since, snapshot, files } = await dataset.manifest();
    expect({ query, since, snapshot }).toEqual({
      query: before.query,
      since: before.since,
      snapshot: before.snapshot,
    });
    expect(files.length).toBeLessThan(before.files.length);
    await dataset.night();
    expect(await dataset.values('id')).toEqual(await ids());
  });

  test('the manifest still says which query and snapshot the dataset is of', async () => {
    const dataset = await opened(['day']);
    const { manifest: before } = await dataset.whole();
    await database.sql(`update readings set value = -1 where id = 0`);
    await dataset.repair();
    const after = await dataset.manifest();
    expect(after.query).toBe('SELECT * FROM readings');
    expect(after.snapshot).toBe(before.snapshot);
    expect(after.since).toBeUndefined();
  });

  test('a run that changed the dataset in the meantime is not undone', async () => {
    const dataset = await opened(['day']);
    await dataset.night();
    const seen = await findParquet(dataset.folder);
    await database.sql(
      `update readings set value = -1 where id = 0; insert into readings values (100, 'd1', now(), 1)`,
    );
    const { manifest } = await dataset.night();
    await expect(dataset.repair({ seen })).rejects.toMatchObject({ code: 'DATASET_CHANGED', exitCode: 4 });
    expect(await dataset.manifest()).toEqual(manifest);
  });

  test('a file that is missing or damaged goes with its partition, where the database has no rows of it', async () => {
    const dataset = await opened(['day']);
    await dataset.whole();
    await database.sql(`delete from readings where day in ('d0', 'd1')`);
    await rm(join(dataset.folder, 'day=d0/part-00000.parquet'));
    await writeFile(join(dataset.folder, 'day=d1/part-00000.parquet'), 'damaged');
    const { partitions } = await dataset.verify();
    expect(partitions.filter((each) => !each.isEqual).map(({ partition }) => partition)).toEqual([
      'day=d0',
      'day=d1',
    ]);
    await dataset.repair();
    expect(await dataset.verify()).toMatchObject({ files: [], partitions: [{ partition: 'day=d2' }] });
  });
});
