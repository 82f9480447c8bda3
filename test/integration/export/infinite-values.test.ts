import { dirname } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { profileOf } from '../../../src/lib/columnar/reader-profiles.js';
import { RowBatches } from '../../../src/lib/columnar/rows/row-batches.js';
import { describeRows } from '../../../src/lib/export/rows.js';
import { readParquet, saveParquet } from '../../../src/library/columnar.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { written } from './written.js';

/** These have the bytes that PostgreSQL 17 sends for infinity. Before that, they are intervals as others. */
const infiniteIntervals = [
  '178956970 years 7 mons 2147483647 days 9223372036854.775807 s',
  '-178956970 years -8 mons -2147483648 days -9223372036854.775808 s',
];

/** All values of PostgreSQL that are infinite, of types in which files have none. */
const infinite = `
  CREATE TYPE span AS (since date, amount numeric(9,2)[]);
  CREATE TABLE infinite AS SELECT n AS id, sign || 'infinity' AS word, (sign || 'infinity')::date AS day, (sign || 'infinity')::timestamp AS at,
      (sign || 'infinity')::timestamptz AS seen, lasts::interval, (sign || 'infinity')::numeric AS amount,
      ARRAY[(sign || 'infinity')::timestamp, '2026-01-01'] AS list, ROW((sign || 'infinity')::date, '{1}')::span AS part
    FROM (VALUES (1, '', '${infiniteIntervals[0]}'), (2, '-', '${infiniteIntervals[1]}')) AS v (n, sign, lasts)`;
const names = ['day', 'at', 'seen', 'lasts', 'amount', 'list', 'part'];

needs('postgres')('infinite values of PostgreSQL', () => {
  let database: OwnDatabase;
  let folder: TemporaryDirectory;
  beforeAll(async () => {
    [database, folder] = await Promise.all([ownDatabase(), temporaryDirectory('infinite')]);
    await database.sql(infinite);
  });
  afterAll(() => folder?.remove());
  const numeric = { precision: 38, scale: 10 };

  it.each([
    { format: 'parquet', reader: 'all' },
    { format: 'parquet', reader: 'hive' },
    { format: 'orc', reader: 'all' },
  ] as const)('are refused by column in $format for $reader, or become null', async (writing) => {
    const sql = 'SELECT * FROM public.infinite ORDER BY id';
    const message = names
      .map(
        (name) =>
          `column '${name}' has 2 values that the file cannot hold: infinity, first in row 1 (id = 1)`,
      )
      .join('; ');
    await expect(written(database.url, sql, folder.path, { ...writing, numeric })).rejects.toMatchObject({
      code: 'VALUE_REFUSED',
      message,
    });
    const { path, warnings } = await written(database.url, sql, folder.path, {
      ...writing,
      numeric,
      infinity: 'null',
    });
    expect(warnings).toEqual(
      names.map(
        (name) => `column '${name}' has 2 values that became null: infinity, first in row 1 (id = 1)`,
      ),
    );
    if (writing.format === 'orc') return;
    const rows = [];
    for await (const row of readParquet(dirname(path))) rows.push(row);
    expect(rows).toMatchObject(
      [1, 2].map((id) => ({
        ...{
          id,
          day: null,
          at: null,
          seen: null,
          lasts: null,
          amount: null,
          list: [null, '2026-01-01 00:00:00'],
        },
        part: { since: null, amount: ['1.00'] },
      })),
    );
  });

  it.each(['error', 'null'] as const)(
    'are none of NaN, which a decimal refuses where infinity is %s',
    async (infinity) => {
      const sql = `SELECT n AS id, 'NaN'::numeric AS amount FROM generate_series(1, 2) AS n`;
      await expect(written(database.url, sql, folder.path, { numeric, infinity })).rejects.toMatchObject({
        message: "column 'amount' has 2 values that the file cannot hold: NaN, first in row 1 (id = 1)",
      });
      const asText = await written(database.url, `${sql} UNION ALL SELECT 3, '-Infinity'`, folder.path, {
        infinity,
      });
      const rows = [];
      for await (const row of readParquet(dirname(asText.path))) rows.push(row);
      expect(rows.map(({ amount }) => amount)).toEqual(['NaN', 'NaN', '-Infinity']);
    },
  );
});

describe('infinite values of rows', () => {
  const types = [
    'date',
    'timestamp',
    'timestamptz',
    'interval',
    'numeric(9,2)',
    'numeric(38,10)',
    'interval[]',
    'numeric(9,2)[]',
  ];

  it.each(types)('are refused as %s, or become null', async (type) => {
    for (const infinity of ['error', 'null'] as const) {
      const rules = {
        profile: profileOf('parquet', 'all'),
        numeric: undefined,
        misfits: { infinity, misread: 'keep' },
      } as const;
      const { columns, refusals } = describeRows(['c'], [{ name: 'c', type }], [], rules);
      const nulls: number[] = [];
      const batches = new RowBatches(
        columns,
        10,
        async ({ columns: [column] }) =>
          void nulls.push('elements' in column! ? column.elements.presence.nulls : column!.presence.nulls),
        refusals,
        1e6,
      );
      const add = () => {
        for (const word of ['infinity', ' -Infinity', '+inf'])
          void batches.add([type.endsWith('[]') ? `{${word}}` : word], () => 'here');
      };
      if (infinity === 'error') expect(add).toThrow(expect.objectContaining({ code: 'VALUE_REFUSED' }));
      else {
        add();
        await batches.end();
        expect(nulls).toEqual([3]);
        expect(refusals.warnings()).toEqual([
          "column 'c' has 3 values that became null: infinity, first in row 1",
        ]);
      }
    }
  });

  it('are refused by saveParquet with a way out that it has', async () => {
    const folder = await temporaryDirectory('infinite');
    for (const [type, value] of [
      ['date', 'infinity'],
      ['numeric(9,2)', -Infinity],
      ['interval', '-infinity'],
    ] as const) {
      const saving = saveParquet([{ c: value }], folder.path, { schema: { c: type } });
      await expect(saving).rejects.toMatchObject({
        code: 'VALUE_REFUSED',
        hint: 'Write it as null, or write the column as text.',
      });
    }
    await folder.remove();
  });
});
