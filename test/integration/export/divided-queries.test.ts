import { afterAll, beforeAll, expect, it } from 'vitest';

import { openPostgres, type PostgresClient } from '../../../src/lib/clients/postgres.js';
import { profileOf } from '../../../src/lib/columnar/reader-profiles.js';
import { type Division, divideByKey, divideByPlace } from '../../../src/lib/export/parts.js';
import { describeQuery } from '../../../src/lib/export/query.js';
import { selectOnly } from '../../../src/lib/sql/select-only.js';
import { needs } from '../../servers/needs.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';

/** `r` has more than 20 pages. */
const tables = `
  CREATE TABLE r AS SELECT i AS id, i % 7 AS kind, i / 10.0 AS value, repeat('x', 400) || i AS note, ARRAY[i, i + 1] AS pair,
    timestamp '2026-01-01' + i * interval '1 hour' AS at FROM generate_series(1, 400) AS i;
  CREATE TABLE kinds AS SELECT k AS id, 'kind ' || k AS name FROM generate_series(0, 5) AS k;
  CREATE FUNCTION doubled(r) RETURNS int8 IMMUTABLE LANGUAGE sql AS 'SELECT 2 * ($1).id';
  CREATE FUNCTION careless(r) RETURNS int8 LANGUAGE sql AS 'SELECT 2 * ($1).id';
  CREATE FUNCTION "less than"(int, int) RETURNS bool LANGUAGE sql AS 'SELECT $1 < $2';
  CREATE OPERATOR <<< (FUNCTION = "less than", LEFTARG = int, RIGHTARG = int);
  CREATE AGGREGATE sum_of_mine (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');`;

needs('postgres')('a query that several connections read', () => {
  let database: OwnDatabase;
  let client: PostgresClient;
  beforeAll(async () => {
    database = await ownDatabase();
    await database.sql(tables);
    const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    client = await openPostgres({ url: database.url }, timeouts, new AbortController().signal);
  });
  afterAll(() => client?.close());

  const rules = {
    profile: profileOf('parquet', 'all'),
    numeric: undefined,
    misfits: { infinity: 'error', misread: 'keep' },
  } as const;
  const divide = async (written: string, by: 'place' | string): Promise<Division> => {
    const sql = await selectOnly(written);
    const query = await describeQuery(client, sql, [], rules);
    return by === 'place' ? divideByPlace(client, query, sql, 3) : divideByKey(client, query, sql, by, 3);
  };
  /** As a multiset. */
  const rowsOf = async (...queries: string[]) => {
    const rows: string[] = [];
    for (const sql of queries)
      rows.push(
        ...(await client.query<{ row: string }>(`SELECT q::text AS row FROM (${sql}) AS q`)).rows.map(
          ({ row }) => row,
        ),
      );
    return rows.sort();
  };
  const expectSame = async (sql: string, by: string) => {
    const { queries, note } = await divide(sql, by);
    const query = await describeQuery(client, await selectOnly(sql), [], rules);
    expect(await rowsOf(...queries), sql).toEqual(await rowsOf(query.sql));
    return { parts: queries.length, note };
  };

  it.each([
    'TABLE r',
    `SELECT x.id AS a, x.*, x FROM r AS x WHERE kind > 2 OR note LIKE '%1'`,
    `SELECT id, round(value, 1), to_char(at, 'YYYY-MM') AS month, extract(hour FROM at) FROM r`,
    `SELECT id, CASE WHEN kind = 1 THEN note END, coalesce(pair[1], 0), (pair)[2], NULLIF(kind, 2), id IN (1, 2) AS i,
       ARRAY[id, kind], ROW(id, note), note COLLATE "C" AS c, value::int8 AS v, id IS NULL AS n, greatest(id, kind), NOT (id = 3) AS b FROM public.r`,
    'SELECT id, unnest(pair) AS one, generate_series(1, kind) FROM r',
    'SELECT r.id, r.doubled FROM r',
    'SELECT id FROM r WHERE kind IN (SELECT max(id) FROM kinds GROUP BY name)',
    'SELECT * FROM (VALUES (1), (2)) AS two (id)',
    'SELECT id FROM r WHERE false',
  ])('has the rows that it has for one: %s', async (sql) => {
    const byPlace = await expectSame(sql, 'place');
    const plain = /FROM (public\.)?r\b|TABLE r/.test(sql);
    expect(byPlace).toEqual(plain ? { parts: 3, note: undefined } : { parts: 1, note: expect.anything() });
    await expectSame(sql, /\bid\b/.test(sql) ? 'id' : 'kind');
  });

  it.each([
    'SELECT kind AS id, count(*) FROM r GROUP BY kind',
    'SELECT kind AS id, sum(value) FILTER (WHERE id > 5) FROM r GROUP BY GROUPING SETS ((kind), ())',
    'SELECT DISTINCT kind AS id FROM r',
    'SELECT r.id, k.name FROM r LEFT JOIN kinds AS k ON k.id = r.kind',
    'SELECT id FROM r UNION SELECT id FROM kinds',
    'WITH few AS (SELECT * FROM r WHERE id < 100) SELECT * FROM few',
    'SELECT max(id) AS id FROM r',
    'SELECT sum_of_mine(id) AS id FROM r',
    'SELECT r.count AS id FROM r',
    'SELECT (r).count AS id FROM r',
    'SELECT id, (SELECT count(*) FROM kinds) FROM r',
    `SELECT 1 AS id, xmlagg(xmlelement(name id, id)) FROM r`,
    'SELECT id FROM r GROUP BY id HAVING count(*) = 1',
    'SELECT count(*) AS id FROM r HAVING count(*) > 5',
  ])('is divided by its values only: %s', async (sql) => {
    expect(await expectSame(sql, 'place')).toEqual({ parts: 1, note: expect.stringContaining('one stream') });
    await expectSame(sql, 'id');
  });

  it.each([
    ['SELECT id FROM r LIMIT 10', 'LIMIT'],
    ['SELECT id FROM r OFFSET 10', 'LIMIT'],
    ['SELECT id FROM r ORDER BY kind FETCH FIRST 3 ROWS ONLY', 'LIMIT'],
    ['SELECT id FROM r WHERE id IN (SELECT id FROM r LIMIT 10)', 'LIMIT'],
    ['SELECT DISTINCT ON (kind) id FROM r', 'DISTINCT ON'],
    ['SELECT id, row_number() OVER (ORDER BY kind) FROM r', 'window function'],
    ['SELECT id, sum(id) OVER w FROM r WINDOW w AS (ORDER BY kind)', 'window function'],
    ['SELECT id FROM r TABLESAMPLE SYSTEM (50)', 'TABLESAMPLE'],
    ['SELECT id FROM r WHERE random() < 0.5', 'random()'],
    ['SELECT id, gen_random_uuid() FROM r', 'gen_random_uuid()'],
    ['SELECT id, now() AS at FROM r', 'now()'],
    ['SELECT id FROM r WHERE at < CURRENT_TIMESTAMP', 'the current time'],
    ['SELECT id, CURRENT_DATE FROM r', 'the current time'],
    [`SELECT id FROM r WHERE at < timestamp 'now'`, 'the current time'],
    ['SELECT id, careless(r) FROM r', 'careless()'],
    ['SELECT r.id, r.careless FROM r', 'careless()'],
    ['SELECT id FROM r WHERE id <<< 100', '<<<'],
  ])('is not divided where it may change: %s', async (sql, what) => {
    for (const by of ['place', 'id']) {
      const { queries, note } = await divide(sql, by);
      expect(queries).toHaveLength(1);
      expect(note).toContain('one stream');
      // By place, another reason may come first.
      if (by === 'id') expect(note).toContain(what);
    }
  });
});
