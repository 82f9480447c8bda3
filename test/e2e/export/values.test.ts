import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';
import { type Finished, metrify } from '../run.js';

needs('postgres')('values that files cannot hold', () => {
  let database: OwnDatabase;
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    [database, directory] = await Promise.all([ownDatabase(), temporaryDirectory('values')]);
  });
  afterAll(() => directory.remove());

  interface Export {
    readonly format?: 'parquet' | 'orc';
    readonly url?: string;
    readonly flags?: readonly string[];
    readonly runner?: typeof metrifyInProcess;
  }

  async function run(
    sql: string,
    { format = 'parquet', url = database.url, flags = [], runner = metrifyInProcess }: Export = {},
  ) {
    const folder = await mkdtemp(join(directory.path, 'data-'));
    const finished = await runner(['export', format, '--sql', sql, '--to', folder, '--json', ...flags], {
      env: { METRIFY_POSTGRES_URL: url },
    });
    return { ...finished, folder, files: (await readdir(folder)).filter((name) => !name.startsWith('.')) };
  }

  type Ran = Awaited<ReturnType<typeof run>>;

  /** Refused with exit 2, by a message and a hint, and nothing is written. */
  function expectRefusal({ code, stderr, files }: Ran, message: string, hint: string): void {
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1)!) as {
      error: { message: string; hint: string; code: string };
    };
    expect({ exit: code, ...error, files }).toMatchObject({ exit: 2, message, hint, files: [] });
  }

  const warningsOf = (finished: Finished) => finished.json().warnings;

  describe('infinity', () => {
    /** 40,000 rows, so that they come in several blocks and row groups. */
    const sql = `SELECT 'meter-' || n AS meter, CASE n WHEN 3 THEN timestamptz 'infinity' WHEN 30000 THEN '-infinity' ELSE to_timestamp(n) END AS at,
      CASE WHEN n > 39998 THEN date '-infinity' END AS day FROM generate_series(1, 40000) n`;
    const groups = ['--row-group-rows', '10000'];

    test('is refused by column, count, row and key', async () => {
      expectRefusal(
        await run(sql, { flags: groups, runner: metrify }),
        "column 'at' has 2 values that the file cannot hold: infinity, first in row 3 (meter = meter-3); " +
          "column 'day' has 2 values that the file cannot hold: -infinity, first in row 39999 (meter = meter-39999)",
        'Write it as null with --infinity null, or replace it in the query.',
      );
    });

    test('becomes null where that is wanted, and a warning says how often', async () => {
      const finished = await run(sql, { flags: [...groups, '--infinity', 'null'] });
      expect(finished.code).toBe(0);
      expect(finished.json().result.rows).toBe(40_000);
      expect(warningsOf(finished)).toEqual([
        "column 'at' has 2 values that became null: infinity, first in row 3 (meter = meter-3)",
        "column 'day' has 2 values that became null: -infinity, first in row 39999 (meter = meter-39999)",
      ]);
    });

    test.each([
      ["ARRAY[timestamp 'infinity', now()]", 'infinity'],
      ["ARRAY['2026-01-01', date '-infinity']", '-infinity'],
    ])('is seen in %s', async (expression, value) => {
      expectRefusal(
        await run(`SELECT ${expression} AS c FROM generate_series(1, 2)`),
        `column 'c' has 2 values that the file cannot hold: ${value}, first in row 1`,
        'Write it as null with --infinity null, or replace it in the query.',
      );
    });
  });

  test.each(['294247-01-10 04:00:54.775808', '294276-12-31 23:59:59'])(
    '%s is refused, also where infinity becomes null',
    async (time) => {
      for (const format of ['parquet', 'orc'] as const)
        expectRefusal(
          await run(`SELECT 7 AS id, timestamp '${time}' AS at`, { format, flags: ['--infinity', 'null'] }),
          "column 'at' has 1 value that the file cannot hold: a time after 294247-01-10 04:00:54.775807, in row 1 (id = 7)",
          'Leave the row out, or write the column as text: at::text.',
        );
    },
  );

  test('NaN in a decimal is refused, with a way out that is right', async () => {
    const sql = (column: string) =>
      `SELECT 'a' AS id, ${column} AS "the price" FROM (VALUES (numeric 'NaN')) AS t (price)`;
    expectRefusal(
      await run(sql('price::numeric(9,2)')),
      "column 'the price' has 1 value that the file cannot hold: NaN, in row 1 (id = a)",
      `Write it as null with nullif("the price", 'NaN'), or as text: "the price"::text.`,
    );
    expect((await run(sql(`nullif(price, 'NaN')::numeric(9,2)`))).code).toBe(0);
    expect((await run(sql('price'))).code).toBe(0);
  });

  test('arrays of two dimensions are refused', async () => {
    const sql = `SELECT n AS id, CASE n WHEN 2 THEN '{{1,2},{3,4}}' ELSE '{1}' END::int[] AS c FROM generate_series(1, 3) n`;
    expectRefusal(
      await run(sql),
      "column 'c' has 1 value that the file cannot hold: an array of 2 dimensions, in row 2 (id = 2)",
      'Write the column as JSON: to_json(c).',
    );
    expect((await run(`SELECT to_json(c) AS c FROM (${sql}) AS t`)).code).toBe(0);
  });

  describe('numerics without a precision', () => {
    const sql = `SELECT n AS id, (1::numeric / 10 ^ n)::numeric AS c FROM generate_series(0, 20) n`;

    test('are decimals where that is wanted, and those that do not fit are refused and not rounded', async () => {
      const fitting = await run(sql, { flags: ['--numeric', '38,20'] });
      expect(fitting.json().result.schema).toContainEqual({ name: 'c', type: 'decimal(38, 20)' });
      expectRefusal(
        await run(sql, { flags: ['--numeric', '38,16'] }),
        "column 'c' has 4 values that the file cannot hold: a number that decimal(38, 16) does not hold, first in row 18 (id = 17)",
        'Give --numeric more digits, or leave it out: then the numbers are text.',
      );
    });

    test.each(['38', '39,1', '5,6', 'x', '0,0'])('cannot be decimals of %s', async (digits) => {
      expectRefusal(
        await run(sql, { flags: ['--numeric', digits] }),
        `'${digits}' does not say how many digits a number has`,
        'Give --numeric PRECISION,SCALE: from 1 to 38 digits, and how many of them are decimals, as 38,10.',
      );
    });
  });

  test('text that is not UTF-8 is refused by column and row, and its bytes can be written', async () => {
    const name = `${database.name}_ascii`;
    await database.sql(`CREATE DATABASE "${name}" ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`);
    const url = Object.assign(new URL(database.url), { pathname: `/${name}` }).href;
    const sql = `SELECT n AS id, CASE n WHEN 3 THEN convert_from('\\xe9ff', 'SQL_ASCII') ELSE 'é' END AS city FROM generate_series(1, 4) n`;
    expectRefusal(
      await run(sql, { url }),
      "column 'city' has 1 value that the file cannot hold: bytes that are not UTF-8, in row 3 (id = 3)",
      "Write its bytes, city::bytea, or convert it: convert_from(city::bytea, 'LATIN1').",
    );
    expect((await run(`SELECT city::bytea AS city FROM (${sql}) AS t`, { url })).code).toBe(0);
    expect((await run(`SELECT * FROM (${sql}) AS t WHERE id <> 3`, { url })).code).toBe(0);
    await database.sql(`DROP DATABASE "${name}"`);
  });

  test('what readers of ORC take for other times is warned of, and refused where one is strict', async () => {
    const sql = `SELECT timestamp '1969-12-31 23:59:59.001' AS at, date '1582-10-04' AS day UNION ALL SELECT '1969-12-31 23:59:59.000999', '1582-10-05'`;
    const said = [
      "column 'at' has 1 value that some readers of ORC misread: a time in the last 999 milliseconds of 1969 (ORC-763), in row 1",
      "column 'day' has 1 value that some readers of ORC misread: a day from 1582-10-05 to 1582-10-14, in row 2 (at = 1969-12-31 23:59:59.000999)",
    ];
    expect(warningsOf(await run(sql, { format: 'orc' }))).toEqual(said);
    expectRefusal(
      await run(sql, { format: 'orc', flags: ['--strict'] }),
      said.join('; '),
      'Leave --strict out, or write the column as text: at::text. Leave --strict out, or write the column as text: day::text.',
    );
    expect(warningsOf(await run(sql))).toEqual([]);
  });
});

needs('postgres')('columns that readers cannot open', () => {
  let database: OwnDatabase;
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    [database, directory] = await Promise.all([ownDatabase(), temporaryDirectory('columns')]);
  });
  afterAll(() => directory.remove());

  const run = (sql: string, ...flags: string[]) =>
    metrifyInProcess(['export', 'parquet', '--sql', sql, '--to', directory.path, '--json', ...flags], {
      env: { METRIFY_POSTGRES_URL: database.url },
    });

  test('are named, and the manifest says for whom they were written', async () => {
    const sql = `SELECT gen_random_uuid() AS id, ARRAY[gen_random_uuid()] AS ids, time '12:00' AS at, now() AS seen`;
    const finished = await run(sql, '--for', 'duckdb');
    expect(finished.json().warnings).toEqual([
      "Spark before version 4.2 and Hive cannot open the columns 'id', 'ids' (UUID); --for all writes what they can",
      "Spark 4.0 and Hive cannot open the column 'at' (TIME); --for all writes what they can",
    ]);
    const manifest = await readFile(join(directory.path, '_manifest.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({
      reader: 'duckdb',
      columns: [
        { name: 'id', type: 'uuid' },
        { name: 'ids', type: 'list<uuid>' },
        { name: 'at', type: 'time' },
        { name: 'seen', type: 'timestamp (UTC)' },
      ],
    });
    expect((await run(sql)).json().warnings).toEqual([]);
  });

  test('because their names are equal but for their case are refused', async () => {
    const finished = await run(`SELECT 1 AS id, 2 AS "Id"`);
    expect(finished.code).toBe(2);
    expect(finished.stderr).toContain("'id' and 'Id' differ in upper and lower case only");
  });
});
