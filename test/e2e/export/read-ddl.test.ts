import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';

const sql = String.raw`select i as id, i::int2 as small, i / 2.0::float8 as value, i / 2.0::float4 as single, (i * 1.01)::numeric(9, 2) as price, i % 2 = 0 as flag,
  'it''s ' || i as "odd name", '\x00ff'::bytea as raw, date '2026-01-01' + i as day, timestamp '2026-01-01 12:00' + i * interval '1 hour' as at,
  timestamptz '2026-01-01 12:00+00' + i * interval '1 hour' as seen, array[i, null] as list, row(i, 'x')::pair as pair, jsonb_build_object('i', i) as doc,
  (array['007', 'a b', null])[i % 3 + 1] as kind, case when i % 2 = 0 then 'x=y' else '1e3' end as part from generate_series(1, 30) i`;

needs('postgres', 'lake')('export inspect --ddl', () => {
  let database: OwnDatabase;
  let lake: Lake;
  let parent: Awaited<ReturnType<typeof temporaryDirectory>>;
  const folders = new Map<string, string>();

  beforeAll(async () => {
    [database, lake, parent] = await Promise.all([ownDatabase(), openLake(), temporaryDirectory('ddl')]);
    await database.sql(`create type pair as (a int, b text); create view source as ${sql}`);
  });
  afterAll(async () => {
    await lake?.close();
    await parent?.remove();
  });

  /** The statements that make the export a table, one by one. */
  async function statements(reader: 'spark' | 'hive' | 'trino' | 'duckdb'): Promise<string[]> {
    const folder = join(parent.path, `it's ${reader}`);
    folders.set(reader, folder);
    const to = ['--to', folder, '--for', reader];
    const exported = await metrifyInProcess(
      ['export', 'parquet', '--table', 'source', ...to, '--partition-by', 'kind,part'],
      {
        env: { METRIFY_POSTGRES_URL: database.url },
      },
    );
    expect(exported.code, exported.stderr).toBe(0);
    const { stdout, code, stderr } = await metrifyInProcess([
      'export',
      'inspect',
      folder,
      '--ddl',
      reader,
      '--name',
      `t_${reader}`,
    ]);
    expect(code, stderr).toBe(0);
    return stdout.split(/;\n/).filter((each) => each.trim() !== '');
  }

  const asked = 'select id, small, value, price, flag, `odd name`, raw, day, list, pair, kind, part from';
  const right = (id: number) => [
    ...[
      `${id}`,
      `${id}`,
      `${(id / 2).toFixed(1)}`,
      (id * 1.01).toFixed(2),
      id % 2 === 0,
      `it's ${id}`,
      'base64:AP8=',
    ],
    ...[`${20_454 + id}`, [`${id}`, null], { a: `${id}`, b: 'x' }],
    ...[['007', 'a b', null][id % 3]!, id % 2 === 0 ? 'x=y' : '1e3'],
  ];
  const all = Array.from({ length: 30 }, (_, i) => right(i + 1));

  it.each(['spark', 'hive'] as const)('makes a table of %s with all partitions', async (reader) => {
    const { rows } = await lake.spark(...(await statements(reader)), `${asked} t_${reader} order by id`);
    expect(rows).toEqual(all);
    const described = await lake.spark(`describe t_${reader}`);
    expect(Object.fromEntries(described.rows.map(([name, type]) => [name, type]))).toMatchObject({
      ...{
        price: 'decimal(9,2)',
        pair: 'struct<a:int,b:string>',
        list: 'array<int>',
        kind: 'string',
        doc: 'string',
      },
      at: reader === 'spark' ? 'timestamp_ntz' : 'timestamp',
      seen: 'timestamp',
    });
  });

  it('makes a view of DuckDB', async () => {
    const { rows } = await lake.duckdb(
      ...(await statements('duckdb')),
      `${asked.replaceAll('`', '"')} t_duckdb order by id`,
    );
    expect(rows).toEqual(all);
  });

  it('makes a table of Trino, as its documentation says', async () => {
    const [create, sync] = await statements('trino');
    expect(create).toContain('"price" decimal(9, 2)');
    expect(create).toContain('"pair" row("a" integer, "b" varchar)');
    expect(create).toMatch(/"kind" varchar,\n {2}"part" varchar\n\)/);
    expect(create).toContain("partitioned_by = ARRAY['kind', 'part']");
    expect(create).toContain(`external_location = '${folders.get('trino')!.replaceAll("'", "''")}'`);
    expect(sync).toContain('sync_partition_metadata');
  });
});
