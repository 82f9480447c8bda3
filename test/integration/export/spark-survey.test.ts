import { dirname } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { openPostgres, type PostgresClient } from '../../../src/lib/clients/postgres.js';
import { profileOf } from '../../../src/lib/columnar/reader-profiles.js';
import { asUncheckedText, type Decimal } from '../../../src/lib/columnar/postgres/types.js';
import { describeQuery } from '../../../src/lib/export/query.js';
import { columnsForSpark, queryForSpark } from '../../../src/lib/export/spark/columns.js';
import { surveyRows } from '../../../src/lib/export/spark/survey.js';
import { readParquet } from '../../../src/library/columnar.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { written } from './written.js';

interface Rules {
  readonly numeric?: Decimal;
  readonly infinity?: 'error' | 'null';
  readonly partitionBy?: readonly string[];
}

const numbers = fc.oneof(
  fc.constantFrom(
    'NULL',
    'NaN',
    'Infinity',
    '-Infinity',
    '0',
    '99.999',
    '-99.99',
    '100',
    '0.10',
    '1e-30',
    '1e40',
    '-0.005',
  ),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 7n), max: 10n ** 7n }), fc.integer({ min: -6, max: 2 }))
    .map(([n, e]) => `${n}e${e}`),
);
const times = fc.constantFrom(
  ...['NULL', 'infinity', '-infinity', '2026-01-01 00:00:00.000001', '0001-01-01', '4713-01-01 BC'],
  ...['294247-01-10 04:00:54.775807', '294247-01-10 04:00:54.775808', '294276-12-31 23:59:59.999999'],
);
const days = fc.constantFrom('NULL', 'infinity', '-infinity', '5874897-12-31', '4713-01-01 BC', '1969-12-31');

needs('postgres')('the rows that Spark is to read', () => {
  let database: OwnDatabase;
  let folder: TemporaryDirectory;
  let client: PostgresClient;
  beforeAll(async () => {
    [database, folder] = await Promise.all([ownDatabase(), temporaryDirectory('survey')]);
    const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    await database.sql('CREATE TABLE pair (a int, b int)');
    client = await openPostgres({ url: database.url }, timeouts, new AbortController().signal);
  });
  afterAll(async () => {
    await client?.close();
    await folder?.remove();
  });

  /** @returns the rows of each partition, those that Spark gets, and what was said of them */
  async function survey(sql: string, { numeric, infinity = 'error', partitionBy = [] }: Rules = {}) {
    const rules = {
      profile: profileOf('parquet', 'all'),
      numeric,
      misfits: { infinity, misread: 'keep' },
    } as const;
    return client.readOnly(async () => {
      const query = await describeQuery(client, sql, partitionBy, rules);
      const described = await client.query(`SELECT * FROM (${query.sql}) AS q LIMIT 0`);
      const columns = columnsForSpark(
        query,
        described.columns.map(({ type }) => type),
      );
      const partitions = await surveyRows(client, query, columns);
      const { rows } = await client.query(queryForSpark(query, columns));
      return { partitions, rows, warnings: query.refusals.warnings() };
    });
  }

  const outcome = async <T>(work: Promise<T>) =>
    work.catch((error: unknown) => ({ error: (error as Error).message.split('; ').sort() }));

  it('are refused, or become null, as those that metrify reads itself', async () => {
    const rows = fc.array(fc.tuple(numbers, times, days), { minLength: 1, maxLength: 6 });
    const rules = fc.record({
      numeric: fc.constantFrom(
        { precision: 4, scale: 2 },
        { precision: 9, scale: 0 },
        { precision: 20, scale: 20 },
        { precision: 38, scale: 10 },
      ),
      infinity: fc.constantFrom('error', 'null'),
    });
    await fc.assert(
      fc.asyncProperty(rows, rules, async (table, writing) => {
        const literal = (text: string) => (text === 'NULL' ? text : `'${text}'`);
        const values = table.map(
          ([number, time, day], i) =>
            `(${i + 1}, ${literal(number)}::numeric, ${literal(time)}::timestamp, ${literal(day)}::date)`,
        );
        const sql = `SELECT id, amount, at, at AT TIME ZONE 'UTC' AS instant, day, amount::text AS printed
          FROM (VALUES ${values.join(', ')}) AS v (id, amount, at, day)`;
        const theirs = await outcome(survey(sql, writing as Rules));
        const ours = await outcome(written(database.url, sql, folder.path, writing as Rules));
        if ('error' in ours) return void expect(theirs).toEqual(ours);
        expect('error' in theirs ? theirs.error : theirs.warnings.sort()).toEqual(ours.warnings.sort());
        if ('error' in theirs) return;
        const read = [];
        for await (const row of readParquet(dirname(ours.path))) read.push(row);
        expect(theirs.rows.map(({ amount, printed }) => ({ amount, printed }))).toEqual(
          read.map(({ amount, printed }) => ({ amount, printed })),
        );
        for (const name of ['at', 'instant', 'day'])
          expect(theirs.rows.map((row) => row[name] === null)).toEqual(read.map((row) => row[name] === null));
        expect(theirs.partitions).toEqual(new Map([['', table.length]]));
      }),
      { numRuns: 25 },
    );
  });

  it('are not rounded, and the first that would be is named', async () => {
    const sql = `SELECT 'meter ' || i AS meter, (i / 8.0)::numeric AS v FROM generate_series(1, 20) AS i`;
    await expect(survey(sql, { numeric: { precision: 38, scale: 2 } })).rejects.toMatchObject({
      code: 'VALUE_REFUSED',
      message:
        "column 'v' has 10 values that the file cannot hold: a number that decimal(38, 2) does not hold, first in row 1 (meter = meter 1)",
    });
  });

  it('are counted by partition', async () => {
    const sql = `SELECT i AS id, CASE WHEN i > 2 THEN 'a/b' END AS k, i % 2 AS odd FROM generate_series(1, 5) AS i`;
    const { partitions } = await survey(sql, { partitionBy: ['k', 'odd'] });
    expect(Object.fromEntries(partitions)).toEqual({
      'k=__HIVE_DEFAULT_PARTITION__/odd=1': 1,
      'k=__HIVE_DEFAULT_PARTITION__/odd=0': 1,
      'k=a%2Fb/odd=1': 2,
      'k=a%2Fb/odd=0': 1,
    });
    expect((await survey(`${sql} LIMIT 0`, { partitionBy: ['k'] })).partitions.size).toBe(0);
    expect((await survey(`${sql} LIMIT 0`)).partitions).toEqual(new Map([['', 0]]));
  });

  it.each(['', '__HIVE_DEFAULT_PARTITION__', 'é'.repeat(200)])('have no partition %j', async (value) => {
    await expect(survey(`SELECT 1 AS id, '${value}' AS k`, { partitionBy: ['k'] })).rejects.toMatchObject({
      code: 'PARTITION_VALUE',
    });
  });

  it('have their names and texts, whatever PostgreSQL makes of them', async () => {
    const sql = `SELECT '[1,5)'::int4range AS range, '1.5'::money AS "row", B'101' AS id, 'x'::char(3) AS key, '10.0.0.1'::inet AS ids`;
    const { rows } = await survey(sql);
    expect(rows).toEqual([{ range: '[1,5)', row: '$1.50', id: '101', key: 'x  ', ids: '10.0.0.1' }]);
    await expect(survey(`SELECT 'NaN'::numeric(9,2) AS "row", 1 AS id, 2 AS key, 3 AS ids`)).rejects.toThrow(
      "column 'row' has 1 value that the file cannot hold: NaN, in row 1 (row = NaN)",
    );
  });

  it('have no parts, and their texts an encoding', async () => {
    for (const column of ["interval '1 day'", 'ARRAY[1]', 't'])
      await expect(survey(`SELECT ${column} AS c FROM pair AS t`)).rejects.toMatchObject({
        code: 'SPARK_TYPE',
      });
    const ofUnknownEncoding = { columns: [{ name: 'c', ...asUncheckedText }] };
    expect(() => columnsForSpark(ofUnknownEncoding, [17])).toThrow('does not say its encoding');
  });
});
