import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { fileHashes, isData, listedHashes, manifestOf } from '../../export/dataset.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';
import { metrify } from '../run.js';

needs('postgres', 'lake')('export, night after night', () => {
  let database: OwnDatabase;
  let lake: Lake;
  let folder: string;
  let dataset: string;
  let state: string;

  beforeAll(async () => {
    lake = await openLake();
    database = await ownDatabase();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nightly-'));
    dataset = join(folder, 'readings');
    state = join(folder, 'state.json');
    await database.sql(`drop table if exists readings; create table readings (id int, day text, ts timestamptz, value float8);
      insert into readings select n, 'd' || n % 4, '2026-02-01'::timestamptz + n * interval '1 minute', n / 2.0 from generate_series(0, 39) n`);
    return () => rm(folder, { recursive: true });
  });
  afterAll(() => lake.close());

  const night = (...more: string[]) => metrifyInProcess(...command(more));
  const nightOfProcess = (...more: string[]) => metrify(...command(more));
  const command = (more: readonly string[]): [string[], { env: Record<string, string> }] => [
    [
      ...[
        'export',
        'parquet',
        '--table',
        'readings',
        '--to',
        dataset,
        '--since-column',
        'ts',
        '--state',
        state,
      ],
      ...[...more, '-o', 'json'],
    ],
    { env: { METRIFY_POSTGRES_URL: database.url } },
  ];
  const byDay = ['--partition-by', 'day'];
  /** What DuckDB reads, and what the table has: each a list of `id day value`. */
  const read = async () => {
    const { rows } = await lake.duckdb(
      `select id || ' ' || day || ' ' || coalesce(value::text, '-') from read_parquet('${dataset}/**/*.parquet', hive_partitioning = true, union_by_name = true)`,
    );
    return rows.map(([text]) => text as string).sort();
  };
  const there = async () => {
    const rows = await database.sql(
      `select id || ' ' || day || ' ' || coalesce(case when value = trunc(value) then value || '.0' else value::text end, '-') as text from readings`,
    );
    return rows.map(({ text }) => text as string).sort();
  };
  const files = () => fileHashes(dataset, isData);

  test('append adds files with the new rows, and leaves those that there are as they were', async () => {
    const open = new pg.Client({ connectionString: database.url });
    await open.connect();
    await open.query(`begin; insert into readings values (100, 'd1', '2026-02-01 00:10', 1.5)`);
    expect(await nightOfProcess(...byDay)).toMatchObject({ code: 0 });
    const first = await files();
    expect(await night(...byDay)).toMatchObject({ code: 0 });
    expect(await files()).toEqual(first);
    await open.query('commit');
    await open.end();
    await database.sql(
      `insert into readings values (101, 'd1', '2026-01-04', 2.5), (102, 'new', null, null)`,
    );
    const third = (await nightOfProcess(...byDay)).json();
    expect(third).toMatchObject({
      exitCode: 0,
      warnings: [expect.stringMatching(/^1 row .*'ts' is null/)],
      result: { since: { kind: 'append', late: 2, withoutCursor: 1, gone: 0 } },
    });
    expect(await files()).toMatchObject(first);
    expect(Object.keys(await files())).toHaveLength(Object.keys(first).length + 2);
    expect(await read()).toEqual(await there());
    expect(await listedHashes(dataset)).toEqual(await files());
    expect((await manifestOf(dataset)).rows).toBe(43);
  });

  test('without partitions, a night with nothing new adds no file', async () => {
    await night();
    await night();
    expect(Object.keys(await files())).toHaveLength(1);
    await database.sql(`insert into readings values (101, 'd1', '2026-01-04', 2.5)`);
    await night();
    expect(Object.keys(await files())).toHaveLength(2);
    expect(await read()).toEqual(await there());
  });

  test('rewrite replaces the partitions that changed, each by one file, and no other', async () => {
    await night(...byDay);
    await database.sql(`insert into readings values (100, 'd0', now(), 1.5)`);
    await night(...byDay);
    const before = await files();
    expect(Object.keys(before).filter((path) => path.startsWith('day=d0'))).toHaveLength(2);
    await database.sql(`update readings set value = -1.5 where id = 0; update readings set day = 'moved' where id = 1;
      delete from readings where day = 'd2'`);
    const { result, warnings } = (await night(...byDay, '--on-change', 'rewrite')).json();
    expect(warnings).toEqual([expect.stringMatching(/^12 rows of the last run changed or deleted/)]);
    const after = await files();
    expect(Object.keys(after)).toEqual(
      ['d0', 'd1', 'd3', 'moved'].map((day) => `day=${day}/part-00000.parquet`),
    );
    expect(after['day=d3/part-00000.parquet']).toBe(before['day=d3/part-00000.parquet']);
    expect(await read()).toEqual(await there());
    expect(result.rows).toBe(31);
  });

  test('a run that died before or after its files became the dataset loses and doubles nothing', async () => {
    await night();
    const old = join(folder, 'old.json');
    await copyFile(state, old);
    await database.sql(`insert into readings values (100, 'd0', now(), 1.5)`);
    expect(await night()).toMatchObject({ code: 0 });
    // As if it had died between the manifest and the state.
    await rename(state, `${state}.next`);
    await rename(old, state);
    await database.sql(`insert into readings values (101, 'd0', now(), 2.5)`);
    expect(await night()).toMatchObject({ code: 0 });
    expect(await read()).toEqual(await there());
    // As if another had died before its manifest.
    const { run } = await manifestOf(dataset);
    const text = JSON.parse(await readFile(state, 'utf8')) as { horizon: object; run: string };
    expect(text.run).toBe(run);
    const unfinished = {
      ...text,
      run: 'died',
      seen: [],
      horizon: { oldest: '9000000', next: '9000000', until: '90000000' },
    };
    await writeFile(`${state}.next`, JSON.stringify(unfinished));
    await database.sql(`insert into readings values (102, 'd0', now(), 3.5)`);
    expect(await night()).toMatchObject({ code: 0 });
    expect(await read()).toEqual(await there());
  });

  test('a state and a dataset that do not belong together are refused, and nothing is changed', async () => {
    await night();
    await copyFile(state, join(folder, 'copy.json'));
    await database.sql(`insert into readings values (100, 'd0', now(), 1.5)`);
    await night();
    const before = await files();
    const refused = async (why: RegExp, ...more: string[]) => {
      const { code, stderr } = await night(...more);
      expect(stderr).toMatch(why);
      expect(code).toBe(4);
      expect(await files()).toEqual(before);
    };
    await refused(/not the state of the dataset's last run/, '--state', join(folder, 'copy.json'));
    await refused(/its state .* is not there/, '--state', join(folder, 'none.json'));
    await refused(/PARTITIONS_DIFFER/, ...byDay);
    await rm(join(dataset), { recursive: true });
    const { code, stderr } = await night();
    expect(stderr).toMatch(/no longer there/);
    expect(code).toBe(4);
    await writeFile(state, '{"half');
    expect(await night()).toMatchObject({ code: 2, stderr: expect.stringMatching(/STATE_INVALID/) });
  });

  test('columns that come, go and become longer are read by DuckDB and Spark as one table', async () => {
    await database.sql('alter table readings add price numeric(6,2); update readings set price = id + 0.25');
    await night();
    await database.sql(`alter table readings drop value; alter table readings add unit text; alter table readings alter price type numeric(14,2);
      insert into readings (id, price, unit) values (100, 123456789012.25, 'kWh')`);
    expect((await night()).json()).toMatchObject({ exitCode: 0 });
    const wanted = [
      ['5', '2.5', null, '5.25'],
      ['100', null, 'kWh', '123456789012.25'],
    ];
    const columns = 'id, value, unit, price';
    const where = 'where id in (5, 100) order by id';
    const duckdb = await lake.duckdb(
      `select ${columns} from read_parquet('${dataset}/*.parquet', union_by_name = true) ${where}`,
    );
    expect(duckdb.rows).toEqual(wanted);
    const spark = await lake.spark(
      `create or replace temporary view both_schemas using parquet options (path '${dataset}', mergeSchema 'true')`,
      `select ${columns} from both_schemas ${where}`,
    );
    expect(spark.rows).toEqual(wanted);
    await database.sql(
      'alter table readings drop unit; alter table readings add unit int; insert into readings values (101)',
    );
    const { code, stderr } = await night();
    expect(stderr).toMatch(/'unit' was text and is int32 now/);
    expect(code).toBe(4);
  });

  test('flags that do not go together are refused', async () => {
    const run = (...flags: string[]) =>
      metrifyInProcess(['export', 'parquet', '--to', dataset, ...flags], {
        env: { METRIFY_POSTGRES_URL: database.url },
      });
    for (const [flags, why] of [
      [
        ['--sql', 'select * from readings', '--since-column', 'ts', '--state', state],
        /would miss rows that come late/,
      ],
      [['--table', 'readings', '--since-column', 'ts'], /Give --state FILE/],
      [['--table', 'readings', '--state', state], /--state goes with --since-column/],
      [['--table', 'readings', '--on-change', 'rewrite'], /--on-change goes with --since-column/],
      [['--table', 'readings', '--sql', 'select 1', '--since-column', 'ts'], /more than one source/],
      [
        ['--table', 'readings', '--since-column', 'ts', '--state', state, '--engine', 'spark'],
        /spark does not take --since-column/,
      ],
      [['--table', 'a.b.c.d', '--since-column', 'ts', '--state', state], /not the name of a table/],
    ] as const) {
      const { code, stderr } = await run(...flags);
      expect(stderr).toMatch(why);
      expect(code).toBe(2);
    }
  });
});
