import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { fileHashes, fileNames, isData } from '../../export/dataset.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { saveParquet } from '../../../src/library/columnar.js';
import { metrifyInProcess } from '../in-process.js';
import { metrify, startMetrify } from '../run.js';

interface Reading {
  readonly id: bigint;
  readonly kind: string | null;
  readonly value: number | null;
  readonly tags: readonly (string | null)[] | null;
}

const schema = { id: 'int8', kind: 'text', value: 'float4', tags: 'text[]' };
const wider = { ...schema, value: 'float8', note: 'text' };

needs('lake')('export compact', () => {
  let lake: Lake;
  let folder: TemporaryDirectory;
  const { random } = replayable('export compact');
  beforeAll(async () => {
    [lake, folder] = await Promise.all([openLake(), temporaryDirectory('compact')]);
  });
  afterAll(() => Promise.all([lake.close(), folder.remove()]));

  let number = 0;
  let path = '';
  beforeEach(() => {
    path = join(folder.path, `dataset-${number++}`);
  });

  const kinds = ['power', 'a/b', null];
  const readings = (count: number, from = 0): Reading[] =>
    Array.from({ length: count }, (_, i) => ({
      id: BigInt(from + i),
      kind: kinds[Math.floor(random() * 3)]!,
      value: random() < 0.1 ? null : Math.fround(random() * 1000),
      tags: random() < 0.3 ? null : [null, `é${i % 7}`].slice(Math.floor(random() * 2)),
    }));

  /** Many small files in each partition: one is begun at each row group. */
  const save = (rows: Iterable<object>, more: object = {}) =>
    saveParquet(rows, path, { schema, partitionBy: ['kind'], rowGroupRows: 50, targetFileSize: 1, ...more });
  const files = async () => (await fileNames(path)).filter(isData);
  const hashes = () => fileHashes(path, isData);
  /** Every value, in the order in which a reader of all files gets them. */
  const content = async () => {
    const { rows } = await lake.duckdb(
      `select id, kind, value, tags from read_parquet('${path}/**/*.parquet', hive_partitioning = true,
         hive_types = {'kind': varchar}, union_by_name = true) order by kind nulls first, filename, file_row_number`,
    );
    return rows;
  };

  it('merges small files, and keeps rows, their order and their compression', async () => {
    await save(readings(2000), { compression: 'gzip' });
    const before = await content();
    const old = await files();
    expect(old.length).toBeGreaterThan(30);
    const preview = (await metrifyInProcess(['export', 'compact', path, '--dry-run', '--json'])).json();
    expect(preview.result).toMatchObject({ files: old.length, rows: 2000 });
    expect(await files()).toEqual(old);

    const { result } = (await metrify(['export', 'compact', path, '--json'])).json();
    expect(result).toMatchObject({ rows: 2000, filesBefore: old.length, partitions: 3 });
    expect(await files()).toEqual([
      'kind=__HIVE_DEFAULT_PARTITION__/part-00000.parquet',
      'kind=a%2Fb/part-00000.parquet',
      'kind=power/part-00000.parquet',
    ]);
    expect(await content()).toEqual(before);
    const { rows: codecs } = await lake.duckdb(
      `select distinct compression from parquet_metadata('${path}/kind=power/part-00000.parquet')`,
    );
    expect(codecs).toEqual([['GZIP']]);

    const merged = await hashes();
    const again = (await metrifyInProcess(['export', 'compact', path, '--json'])).json();
    expect(again.result.partitions).toBe(0);
    expect(await hashes()).toEqual(merged);
  });

  it('merges a dataset without partitions into row groups of the usual size', async () => {
    await save(readings(3000), { partitionBy: [] });
    const sql = `select * from read_parquet('${path}/*.parquet') order by id`;
    const before = await lake.duckdb(sql);
    expect((await metrifyInProcess(['export', 'compact', path])).code).toBe(0);
    expect(await files()).toEqual(['part-00000.parquet']);
    expect(await lake.duckdb(sql)).toEqual(before);
    const { rows: groups } = await lake.duckdb(
      `select distinct row_group_id, row_group_num_rows from parquet_metadata('${path}/part-00000.parquet')`,
    );
    expect(groups).toEqual([['0', '3000']]);
  });

  it('splits what is longer than files should be', async () => {
    await save(readings(3000), { partitionBy: [] });
    const done = await metrifyInProcess([
      ...['export', 'compact', path, '--json'],
      ...['--target-file-size', '2KB', '--row-group-rows', '500'],
    ]);
    const names = await files();
    expect(done.json().result.rows).toBe(3000);
    expect(names.length).toBeGreaterThan(1);
    expect(names.length).toBeLessThan(60);
  });

  it('writes files again that lack columns, or have narrower ones', async () => {
    const rows = readings(200).map((row) => ({ ...row, kind: 'old' }));
    await save(rows, { partitionBy: ['kind'], targetFileSize: undefined });
    const narrow = await readFile(join(path, 'kind=old/part-00000.parquet'));
    const more = readings(100, 200).map((row) => ({ ...row, kind: 'new', note: 'x' }));
    await save(more, { schema: wider, targetFileSize: undefined });
    // A dataset of both, as one that has grown a column.
    const manifest = JSON.parse(await readFile(join(path, '_manifest.json'), 'utf8')) as {
      rows: number;
      files: object[];
    };
    manifest.files.push({
      path: 'kind=old/part-00000.parquet',
      rows: 200,
      bytes: narrow.length,
      sha256: createHash('sha256').update(narrow).digest('hex'),
    });
    await mkdir(join(path, 'kind=old'), { recursive: true });
    await writeFile(join(path, 'kind=old/part-00000.parquet'), narrow);
    await writeFile(join(path, '_manifest.json'), JSON.stringify(manifest));

    const before = await content();
    const { result } = (await metrifyInProcess(['export', 'compact', path, '--json'])).json();
    expect(result).toMatchObject({ rows: 300, partitions: 1 });
    expect(await content()).toEqual(before);
    const { rows: columns } = await lake.duckdb(
      `select name, type from parquet_schema('${path}/kind=old/part-00000.parquet') where type is not null order by name`,
    );
    expect(columns).toContainEqual(['value', 'DOUBLE']);
    expect(columns).toContainEqual(['note', 'BYTE_ARRAY']);
  });

  it('touches only files of its own, and says so', async () => {
    await save(readings(300));
    await writeFile(join(path, 'theirs.parquet'), 'not ours');
    const before = await hashes();
    const refused = await metrifyInProcess(['export', 'compact', path]);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('theirs.parquet');
    expect(await hashes()).toEqual(before);
  });

  it('refuses a folder without a manifest, one of ORC files, and rows that are missing', async () => {
    await save(readings(300));
    const manifest = await readFile(join(path, '_manifest.json'), 'utf8');
    await writeFile(join(path, '_manifest.json'), manifest.replace(/"rows": 50,/, '"rows": 51,'));
    const changed = await metrifyInProcess(['export', 'compact', path]);
    expect(changed.code).toBe(4);
    expect(changed.stderr).toContain('the manifest says 301');
    await writeFile(join(path, '_manifest.json'), manifest);
    expect((await metrifyInProcess(['export', 'compact', path])).code).toBe(0);

    const foreign = join(folder.path, 'foreign');
    await saveParquet([{ id: 1n }], foreign);
    await rm(join(foreign, '_manifest.json'));
    const alone = await metrifyInProcess(['export', 'compact', foreign]);
    expect(alone.code).toBe(2);
    expect(alone.stderr).toContain('has no manifest');

    const orc = join(folder.path, 'orc');
    await metrifyInProcess(['export', 'orc', '--stdin', '--to', orc], { stdin: 'id\n1\n' });
    const refused = await metrifyInProcess(['export', 'compact', orc]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('ORC files, which metrify writes and does not read');
  });

  it('loses nothing when it is killed, whenever that is', async () => {
    await save(readings(6000));
    const before = await content();
    const begun = performance.now();
    await metrify(['export', 'compact', path, '--dry-run']);
    const took = performance.now() - begun;
    for (let round = 0; round < scaled(4); round++) {
      const running = await startMetrify(['export', 'compact', path]);
      await delay(took * (0.6 + random()));
      running.signal('SIGKILL');
      await running.finished;
      // Either side of the change, or in the middle of it, which the next run completes.
    }
    expect((await metrifyInProcess(['export', 'compact', path])).code).toBe(0);
    expect(await files()).toHaveLength(3);
    expect(await content()).toEqual(before);
    expect((await readdir(path)).filter((name) => name.startsWith('.metrify-'))).toEqual([]);
  });
});
