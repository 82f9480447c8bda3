import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { listedHashes } from '../../export/dataset.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';
import { metrify } from '../run.js';

const partitioned = [
  'a/b',
  'a=b',
  'a%2Fb',
  'a+b',
  'a b',
  'é',
  '2026-01-01 00:00',
  null,
  '007',
  '.',
  '..',
  String.raw`\x`,
];

needs('postgres')('export read, inspect and verify', () => {
  let database: OwnDatabase;
  let parent: Awaited<ReturnType<typeof temporaryDirectory>>;
  let count = 0;

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('read')]);
    await database.sql(
      `
      create table readings (id int8 primary key, kind text, at timestamptz, value float8, price numeric(12, 4), tags text[], meta jsonb);
      insert into readings select i, (array['power', 'water', null])[i % 3 + 1], '2026-01-01'::timestamptz + i * interval '1 minute',
        case when i % 50 = 0 then 'NaN'::float8 else i / 4.0 end, i * 1.0001, array[i::text, null], jsonb_build_object('i', i)
        from generate_series(1, 5000) i`,
    );
  });
  afterAll(() => parent.remove());

  const env = () => ({ METRIFY_POSTGRES_URL: database.url });
  const run = (...args: string[]) => metrifyInProcess(['export', ...args], { env: env() });
  const runProcess = (...args: string[]) => metrify(['export', ...args], { env: env() });
  const exported = async (sql: string, ...more: string[]) => {
    const folder = join(parent.path, `d${count++}`);
    const { code, stderr } = await run('parquet', '--sql', sql, '--to', folder, ...more);
    expect(stderr).not.toContain('error');
    expect(code).toBe(0);
    return folder;
  };
  const all = 'select * from readings';

  it('prints the rows as PostgreSQL has them', async () => {
    const folder = await exported(all, '--row-group-rows', '1000');
    const { stdout, code, stderr } = await runProcess('read', folder, '--output', 'ndjson');
    expect(code).toBe(0);
    const right = await database.sql(
      `select json_build_object('id', id, 'kind', kind, 'at', to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || '+00', 'value', value,
        'price', price, 'tags', tags, 'meta', meta)::text as row from readings order by id`,
    );
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      right.map(({ row }) => JSON.parse(row as string) as unknown),
    );
    expect(JSON.parse(stderr.trim().split('\n').at(-1)!)).toMatchObject({ result: { rows: 5000 } });
  });

  it('keeps the digits of numbers that JavaScript rounds', async () => {
    const folder = await exported(
      "select 9007199254740993::int8 as i, 12345678901234567890.123456::numeric(38,6) as d, '-0'::float8 as z",
    );
    const { stdout } = await run('read', folder, '--output', 'ndjson');
    expect(stdout).toBe('{"i":9007199254740993,"d":12345678901234567890.123456,"z":-0}\n');
    const { result } = (await run('read', folder, '--json')).json();
    expect(result.values).toEqual([{ i: '9007199254740993', d: '12345678901234567890.123456', z: 0 }]);
  });

  it('finds the rows of a condition', async () => {
    const folder = await exported(all, '--partition-by', 'kind', '--row-group-rows', '500');
    for (const [where, sql] of [
      ['value > 200', 'value > 200'],
      ["kind = 'power' and id between 100 and 200", "kind = 'power' and id between 100 and 200"],
      ['kind is null or not id < 4990', 'kind is null or not id < 4990'],
      ["at >= '2026-01-02 10:00+01'", "at >= '2026-01-02 10:00+01'"],
      ['isnan(value)', "value = 'NaN'"],
      ['price = 100.01', 'price = 100.01'],
      ['id > 4998.5 or 3.2 >= id', 'id > 4998.5 or 3.2 >= id'],
      ['tags is null', 'tags is null'],
      ["kind like 'wa%'", "kind like 'wa%'"],
    ]) {
      const { stdout, stderr } = await run(
        'read',
        folder,
        '--where',
        where!,
        '--columns',
        'id',
        '--output',
        'ndjson',
      );
      const found = stdout
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { id: number }).id]));
      const right = await database.sql(`select id::int4 as id from readings where ${sql} order by id`);
      expect(
        found.sort((a, b) => a - b),
        `${where}: ${stderr}`,
      ).toEqual(right.map(({ id }) => id as number));
    }
  });

  it('says where a condition is wrong', async () => {
    const folder = await exported(all);
    for (const [where, place, what] of [
      ['value >', 8, 'a value'],
      ['valu > 3', 1, "did you mean 'value'?"],
      ['id = 3 and (kind = 5)', 20, "write '5'"],
      ["at = 'yesterday'", 6, 'not a time'],
      ["kind = 'open", 8, 'never closed'],
      [`${'('.repeat(5000)}id = 1`, 200, 'too deeply'],
    ] as const) {
      const { code, stderr } = await run('read', folder, '--where', where);
      expect(code).toBe(2);
      expect(stderr).toContain(what);
      if (place !== 200) expect(stderr).toContain(`character ${place}`);
    }
  });

  it('gives partition values back', async () => {
    const values = partitioned.map((value) => (value === null ? 'null' : `'${value}'`));
    await database.sql(
      `create table odd as select * from unnest(array[${values.join(', ')}]) with ordinality as t(p, n)`,
    );
    const folder = await exported('select n, p from odd', '--partition-by', 'p');
    const { stdout } = await run('read', folder, '--output', 'ndjson');
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { n: number; p: string | null });
    expect(rows.sort((a, b) => a.n - b.n).map(({ p }) => p)).toEqual(partitioned);
    for (const value of partitioned) {
      const where = value === null ? 'p is null' : `p = '${value.replaceAll("'", "''")}'`;
      const one = await run('read', folder, '--where', where, '--output', 'ndjson');
      expect(
        one.stdout
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as { p: string | null }).p),
      ).toEqual([value]);
    }
  });

  it('shows a table, its columns and its limit', async () => {
    const folder = await exported(all);
    const { stdout } = await run('read', folder, '--columns', 'id,kind,price', '--limit', '2');
    expect(stdout).toBe('id  kind    price\n 1  water  1.0001\n 2         2.0002\n');
    const inspected = await runProcess('inspect', folder);
    expect(inspected.stdout).toMatch(/rows +5,000/);
    expect(inspected.stdout).toMatch(/meta +[\d.]+ KiB +█+ +[\d.]+ +0\n/);
    expect(inspected.stdout).toMatch(/price +decimal\(12, 4\).+1\.0001 to 5000\.5000/);
    const missing = await run('read', folder, '--columns', 'idd');
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("did you mean 'id'?");
  });

  it('verifies, names what differs, and repairs it', async () => {
    await database.sql('create table changing as select * from readings');
    const folder = await exported('select * from changing', '--partition-by', 'kind');
    const verify = (...more: string[]) => run('verify', folder, '--table', 'changing', '--json', ...more);
    expect((await verify()).json()).toMatchObject({ verdict: 'ok', result: { compared: 3, partitions: [] } });

    const before = await listedHashes(folder);
    const path = (kind: string) => `kind=${kind}/part-00000.parquet`;
    await database.sql(
      `update changing set value = value + 1 where id = 3 or id = 6;
      update changing set price = null where id = 3; delete from changing where id = 2`,
    );
    const differs = await runProcess('verify', folder, '--table', 'changing', '--json');
    expect(differs.code).toBe(3);
    expect(differs.json().result.partitions).toMatchObject([
      { partition: 'kind=__HIVE_DEFAULT_PARTITION__', rows: { dataset: 1667, database: 1666 } },
      {
        partition: 'kind=power',
        rows: { dataset: 1666, database: 1666 },
        columns: [{ name: 'value' }, { name: 'price', nulls: { dataset: 0, database: 1 } }],
      },
    ]);
    const repaired = await verify('--repair');
    expect(repaired.json()).toMatchObject({ verdict: 'ok', result: { partitions: [] } });
    expect(repaired.json().result.repaired).toHaveLength(2);
    const after = await listedHashes(folder);
    expect(after[path('water')]).toBe(before[path('water')]);
    expect(after[path('power')]).not.toBe(before[path('power')]);

    await database.sql(
      "delete from changing where kind = 'water'; insert into changing (id, kind) values (9000, 'gas')",
    );
    expect((await verify('--repair')).json()).toMatchObject({ verdict: 'ok', result: { compared: 3 } });
    expect((await readdir(folder)).sort()).toContain('kind=gas');
  });

  it('verifies files by their manifest', async () => {
    const folder = await exported(all, '--partition-by', 'kind');
    const verify = (...more: string[]) => run('verify', folder, '--table', 'readings', '--json', ...more);
    const power = join(folder, 'kind=power', 'part-00000.parquet');
    const bytes = await readFile(power);
    bytes[2000]! ^= 1;
    await writeFile(power, bytes);
    await rm(join(folder, 'kind=water', 'part-00000.parquet'));
    const broken = await verify();
    expect(broken.code).toBe(3);
    expect(broken.json().result.files).toEqual([
      { path: 'kind=power/part-00000.parquet', problem: 'changed' },
      { path: 'kind=water/part-00000.parquet', problem: 'missing' },
    ]);
    expect((await verify('--repair')).json().verdict).toBe('ok');

    await writeFile(join(folder, 'kind=power', 'more.parquet'), bytes);
    expect((await verify()).json().result.files).toEqual([
      { path: 'kind=power/more.parquet', problem: 'extra' },
    ]);
    expect((await verify('--repair')).code).toBe(3);
  });

  it('refuses what is no Parquet', async () => {
    const folder = await exported(all);
    const path = join(folder, 'part-00000.parquet');
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, 1000));
    const cut = await runProcess('read', path);
    expect(cut.code).toBe(2);
    expect(cut.stderr).toContain('is not a whole Parquet file');
    await writeFile(path, '');
    expect((await run('read', path)).code).toBe(2);
    await appendFile(path, 'id,value\n1,2\n');
    expect((await run('inspect', path)).code).toBe(2);
    expect((await run('read', join(folder, 'nothing'))).stderr).toContain('does not exist');

    const orc = join(parent.path, 'orc');
    await run('orc', '--sql', all, '--to', orc);
    const refused = await run('read', orc);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('ORC');
    expect((await run('inspect', orc, '--json')).json().result).toMatchObject({ rows: 5000, format: 'orc' });
  });
});
