import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { type OwnDatabase, ownDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';

/** Every character of ASCII that a text can hold, and what else file systems and readers stumble over. */
const values = [
  ...Array.from({ length: 127 }, (_, i) => `x${String.fromCharCode(i + 1)}y`),
  ...[
    'a/b',
    'a=b',
    'a%2Fb',
    'a+b',
    'a b',
    'é',
    '\u0080',
    '漢字',
    '😀',
    '2026-01-01 00:00',
    '007',
    '1e3',
    '2026-01',
    '.',
    '..',
  ],
  ...['%', '%%', ' ', ' x', '_x', '.x', 'true', 'null', 'x'.repeat(200)],
  null,
];

needs('postgres', 'lake')('partition values', () => {
  let database: OwnDatabase;
  let parent: Awaited<ReturnType<typeof temporaryDirectory>>;
  let lake: Lake;
  let folder: string;

  beforeAll(async () => {
    [database, parent, lake] = await Promise.all([ownDatabase(), temporaryDirectory('values'), openLake()]);
    await database.sql('create table named (id int, "key" text, other int)');
    await database.sql(
      'insert into named select n - 1, value, (n - 1) % 2 from unnest($1::text[]) with ordinality as given (value, n)',
      [values],
    );
    folder = join(parent.path, 'lake');
    const { code, stderr } = await exported('select * from named', folder, 'key,other');
    expect(stderr).not.toContain('error');
    expect(code).toBe(0);
  });
  afterAll(async () => {
    await lake.close();
    await parent.remove();
  });

  const exported = (sql: string, to: string, by: string) =>
    metrifyInProcess(['export', 'parquet', '--sql', sql, '--to', to, '--partition-by', by, '--json'], {
      env: { METRIFY_POSTGRES_URL: database.url },
    });
  const expected = values.map((value, i) => [String(i), value]);
  const byId = (rows: readonly (readonly unknown[])[]) =>
    [...rows].sort(([a], [b]) => Number(a) - Number(b)).map(([id, value]) => [String(id), value]);

  it('come back from DuckDB', async () => {
    const { rows } = await lake.duckdb(
      `select id, key from read_parquet('${folder}/**/*.parquet', hive_partitioning = true, hive_types = {'key': varchar, 'other': int})`,
    );
    expect(byId(rows)).toEqual(expected);
  });

  it('come back from Spark', async () => {
    const { rows } = await lake.spark(
      'set spark.sql.sources.partitionColumnTypeInference.enabled = false',
      `select id, key from parquet.\`${folder}\``,
    );
    expect(byId(rows)).toEqual(expected);
  });

  it('come back from pyarrow', async () => {
    const { names, rows } = await lake.pyarrow(folder, { hive: true, columns: ['id', 'key'] });
    const [id, key] = [names.indexOf('id'), names.indexOf('key')];
    expect(byId(rows.map((row) => [row[id], row[key]]))).toEqual(expected);
  });

  it('are refused before anything is there, where readers or file systems cannot have them', async () => {
    for (const value of ['', 'x'.repeat(300), '/'.repeat(100), 'é'.repeat(130)]) {
      const to = join(parent.path, 'refused');
      const { code, stderr } = await exported(`select 1 as id, '${value}' as key`, to, 'key');
      expect(code).toBe(2);
      expect(stderr).toContain('PARTITION_VALUE');
      expect(await readdir(to)).toEqual([]);
    }
  });

  it('stay within the folder, also by the names of columns', async () => {
    const to = join(parent.path, 'within', 'lake');
    const { code } = await exported(`select 1 as id, '..' as "../..", '/etc' as "/x"`, to, '../..,/x');
    expect(code).toBe(0);
    expect(await readdir(join(parent.path, 'within'))).toEqual(['lake']);
  });

  it('that look like numbers or times are named, with what keeps them text', async () => {
    const warned = async (sql: string) =>
      (await exported(sql, join(parent.path, 'warned'), 'key')).json().warnings;
    for (const value of ['007', '1e3', '2026-01', '2026-01-01 00:00', '-5.50', 'true'])
      expect(await warned(`select 1 as id, '${value}' as key`)).toEqual([
        expect.stringMatching(new RegExp(`'key'.*'${value}'.*hive_types.*partitionColumnTypeInference`, 's')),
      ]);
    for (const sql of [
      `select 1 as id, 'power' as key`,
      `select 1 as id, 7 as key`,
      `select 1 as id, date '2026-01-01' as key`,
    ])
      expect(await warned(sql)).toEqual([]);
  });
});
