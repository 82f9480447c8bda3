import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readParquet } from '../../../src/library/columnar.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';
import { metrify } from '../run.js';

let folder: TemporaryDirectory;
beforeAll(async () => {
  folder = await temporaryDirectory('sources');
});
afterAll(() => folder.remove());
const at = (name: string) => join(folder.path, name);

async function rowsOf(path: string): Promise<object[]> {
  const rows = [];
  for await (const row of readParquet(path)) rows.push(row);
  return rows;
}

describe('export parquet --file and --stdin', () => {
  it('writes the text of a CSV, but for columns with types', async () => {
    await writeFile(
      at('a.csv'),
      'id;time;value;"odd, name"\r\n007;2026-01-01T00:00:00+01:00;1.50;"x;""y"\r\n8;;;\r\n',
    );
    const done = await metrify([
      ...['export', 'parquet', '--file', at('a.csv'), '--to', at('a'), '--json'],
      ...['--types', 'time:timestamptz,value:numeric(9,2),"odd, name":text'],
    ]);
    expect(done.json().result.schema).toEqual([
      { name: 'id', type: 'text' },
      { name: 'time', type: 'timestamp (UTC)' },
      { name: 'value', type: 'decimal(9, 2)' },
      { name: 'odd, name', type: 'text' },
    ]);
    expect(await rowsOf(at('a'))).toEqual([
      { id: '007', time: '2025-12-31 23:00:00+00', value: '1.50', 'odd, name': 'x;"y' },
      { id: '8', time: null, value: null, 'odd, name': null },
    ]);
  });

  it('says that all columns are text where no types are given', async () => {
    const done = await metrify(['export', 'parquet', '--stdin', '--to', at('text'), '--json'], {
      stdin: 'id,value\n9007199254740993,1e400\n',
    });
    expect(done.json().warnings.join()).toContain('--types');
    expect(await rowsOf(at('text'))).toEqual([{ id: '9007199254740993', value: '1e400' }]);
  });

  it('keeps every digit of JSON, whatever its numbers are taken for', async () => {
    const lines = [
      '{"id":9007199254740993,"raw":9007199254740993,"doc":{"n":1.10,"s":"a"},"list":[9007199254740993,null],"s":"9007199254740993"}',
      '',
      '{"s":"\\u00e9","id":"-9223372036854775808","doc":"text","late":1.0,"raw":1e400}',
    ];
    await metrifyInProcess(
      [
        ...['export', 'parquet', '--stdin', '--to', at('json')],
        ...['--types', 'id:int8,doc:jsonb,list:bigint[],late:numeric(3,1)'],
      ],
      { stdin: `${lines.join('\n')}\n` },
    );
    expect(await rowsOf(at('json'))).toEqual([
      {
        id: 9007199254740993n,
        raw: '9007199254740993',
        doc: '{"n":1.10,"s":"a"}',
        list: [9007199254740993n, null],
        s: '9007199254740993',
        late: null,
      },
      { id: -(2n ** 63n), raw: '1e400', doc: '"text"', list: null, s: 'é', late: '1.0' },
    ]);
  });

  it('makes one partition of values that are equal', async () => {
    await metrifyInProcess(
      [
        ...['export', 'parquet', '--stdin', '--to', at('parts')],
        ...['--types', 'region:int4,day:date', '--partition-by', 'region,day'],
      ],
      { stdin: 'region,day,value\n1,2026-01-01,a\n01,2026-1-1,b\n,2026-01-01,c\n' },
    );
    expect(
      (await readdir(at('parts'), { recursive: true })).filter((name) => name.endsWith('.parquet')).sort(),
    ).toEqual([
      'region=1/day=2026-01-01/part-00000.parquet',
      'region=__HIVE_DEFAULT_PARTITION__/day=2026-01-01/part-00000.parquet',
    ]);
  });

  const typed = ['--types', 'id:int4,time:timestamptz'];
  it.each([
    [
      'a value of another type',
      'id,time\n1,\nx,\n',
      typed,
      /line 3: column 'id': 'x' is not a whole number/,
      2,
    ],
    [
      'a number out of range',
      'id,time\n3000000000,\n',
      typed,
      /line 2: column 'id': '3000000000' is not in the range/,
      2,
    ],
    ['a day that is not', 'id,time\n1,2026-02-30\n', typed, /'2026-02-30' is not a time/, 2],
    ['infinity', 'id,time\n1,infinity\n', typed, /column 'time' has 1 value .*: infinity, in row 1/, 2],
    ['a line of another width', 'id,time\n1\n', typed, /line 2: 1 field where the header has 2/, 2],
    ['a line that is not JSON', '{"id":1,"time":null}\n{"id":2\n', typed, /line 2: not JSON/, 2],
    [
      'a member that comes later',
      '{"id":1,"time":null}\n{"id":2,"extra":1}\n',
      typed,
      /line 2 has 'extra'/,
      2,
    ],
    ['a column that is not there', 'id\n1\n', typed, /has no column 'time'/, 2],
    ['an unknown type', 'id,time\n', ['--types', 'id:number'], /'number' is not a type/, 2],
    ['types that are not', 'id,time\n', ['--types', 'id'], /does not name columns and their types/, 2],
    ['a column to partition by that is not there', 'id\n1\n', ['--partition-by', 'x'], /no column 'x'/, 2],
    [
      'one that makes too many names',
      'id,time\n1,x\n',
      ['--types', 'id:float4', '--partition-by', 'id'],
      /cannot make partitions/,
      2,
    ],
    ['columns that only case tells apart', 'id,ID\n1,2\n', [], /differ in upper and lower case only/, 2],
    ['sorting', 'id\n1\n', ['--sort-by', 'id'], /read in their order/, 2],
  ])('refuses %s, and writes nothing', async (_, stdin, flags, message, code) => {
    const to = at('refused');
    const done = await metrifyInProcess(['export', 'parquet', '--stdin', '--to', to, ...flags], { stdin });
    expect(done.stderr).toMatch(message);
    expect(done.code).toBe(code);
    expect(await readdir(to).catch(() => [])).not.toContain('_manifest.json');
  });

  it('writes infinity as null where that is wanted', async () => {
    const done = await metrifyInProcess(
      [...['export', 'parquet', '--stdin', '--to', at('null'), '--infinity', 'null', '--json'], ...typed],
      { stdin: 'id,time\n1,-infinity\n2,\n' },
    );
    expect(done.json().warnings.join()).toContain('-infinity');
    expect(await rowsOf(at('null'))).toEqual([
      { id: 1, time: null },
      { id: 2, time: null },
    ]);
  });

  it('refuses no source, two of them, and --types for PostgreSQL', async () => {
    for (const flags of [[], ['--stdin', '--table', 't'], ['--table', 't', '--types', 'a:int4']])
      expect((await metrifyInProcess(['export', 'parquet', '--to', at('none'), ...flags])).code).toBe(2);
  });

  it('shows what it would write', async () => {
    const done = await metrifyInProcess(
      ['export', 'parquet', '--stdin', '--to', at('dry'), '--dry-run', ...typed],
      {
        stdin: 'id,time\n1,\n',
      },
    );
    expect(done.stdout).toContain('timestamp (UTC)');
    expect(await readdir(at('dry')).catch(() => 'nothing')).toBe('nothing');
  });
});

needs('postgres')('export parquet --table', () => {
  let database: OwnDatabase;
  beforeAll(async () => {
    database = await ownDatabase();
    await database.sql(`
      CREATE SCHEMA "Odd schema";
      CREATE TABLE "Odd schema"."a ""table"".x" (id int PRIMARY KEY, "Value" text);
      INSERT INTO "Odd schema"."a ""table"".x" VALUES (1, 'one');
      CREATE TABLE readings (id int, month int, note text) PARTITION BY RANGE (month);
      CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM (1) TO (2);
      CREATE TABLE readings_2 PARTITION OF readings FOR VALUES FROM (2) TO (3);
      INSERT INTO readings VALUES (1, 1, 'a'), (2, 2, 'b');
      ALTER TABLE readings DROP COLUMN note;
      CREATE VIEW seen AS SELECT id FROM readings;
      CREATE MATERIALIZED VIEW kept AS SELECT id FROM readings;
      CREATE SEQUENCE numbers; CREATE TYPE place AS (lat float8); CREATE INDEX by_month ON readings_1 (month);`);
  });
  const run = (table: string, to: string) =>
    metrifyInProcess(['export', 'parquet', '--table', table, '--to', to], {
      env: { METRIFY_POSTGRES_URL: database.url },
    });

  it.each([
    ['"Odd schema"."a ""table"".x"', [{ id: 1, Value: 'one' }]],
    [
      'READINGS',
      [
        { id: 1, month: 1 },
        { id: 2, month: 2 },
      ],
    ],
    ['public.readings_2', [{ id: 2, month: 2 }]],
    ['seen', [{ id: 1 }, { id: 2 }]],
    ['kept', [{ id: 1 }, { id: 2 }]],
  ])('writes the rows of %s', async (table, rows) => {
    const to = at(`table-${Buffer.from(table).toString('hex')}`);
    const { code, stderr } = await run(table, to);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(await rowsOf(to)).toEqual(rows);
  });

  it.each([
    ['nothing', "there is no table 'nothing'"],
    ['"READINGS"', 'there is no table'],
    ['numbers', 'is a sequence'],
    ['place', 'is a composite type'],
    ['by_month', 'is an index'],
    ['a.b.c', 'is not the name of a table'],
    ['"open', 'is not the name of a table'],
    ["x'; drop table readings; --", 'is not the name of a table'],
    ['', 'is not the name of a table'],
  ])('refuses %j', async (table, message) => {
    const { code, stderr } = await run(table, at('refused-table'));
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});
