import type { PostgresClient } from '../clients/postgres.js';
import { UserError } from '../core/errors.js';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.js';
import { tableScan } from '../sql/table-scan.js';
import type { ExportQuery } from './query.js';
import { aggregateIn, whyChanging } from './repeatable-query.js';

export interface Division {
  /** Queries that have each row of the whole one once. */
  readonly queries: readonly string[];
  /** Why there is one only, though more were asked for. */
  readonly note?: string;
}

/**
 * Divides a query by a column's values. Each part runs all of the query, so that one that changes is not divided.
 * @param sql the query itself
 * @throws UserError `COLUMN_MISSING`, `COLUMN_TYPE`
 */
export async function divideByKey(
  client: PostgresClient,
  query: ExportQuery,
  sql: string,
  column: string,
  count: number,
): Promise<Division> {
  const name = `query.${quoteIdentifier(column)}`;
  const type = await keyType(client, sql, column);
  const share = /^timestamp/.test(type)
    ? '(hi - lo) * (i / n::float8)'
    : type === 'date'
      ? '(hi - lo) * i / n'
      : `${type === 'numeric' ? '' : 'trunc'}((hi::numeric - lo) * i / n)`;
  const changing = await whyChanging(client, sql);
  if (changing !== undefined)
    return { queries: [query.sql], note: `${changing}, so it is read as one stream` };
  const finite = /^(timestamp|date)/.test(type) ? `isfinite(${name})` : `${name} IS NOT NULL`;
  const { rows } = await client.query<{ bound: string | null }>(
    `SELECT (lo + ${share})::text AS bound
       FROM (SELECT min(${name}) AS lo, max(${name}) AS hi, ${count} AS n FROM (${sql}) AS query WHERE ${finite}) AS ends,
            generate_series(1, ${count - 1}) AS i ORDER BY i`,
    undefined,
    { timeoutMs: 0 },
  );
  const bounds = [...new Set(rows.flatMap(({ bound }) => bound ?? []))];
  const literals = bounds.map((bound) => `${quoteLiteral(bound)}::${type}`);
  const queries = [undefined, ...literals].map((from, i) => {
    const to = literals[i];
    const within = [from && `${name} >= ${from}`, to && `${name} < ${to}`].filter(Boolean).join(' AND ');
    // Nulls are of the first part.
    const condition = from ? within : `${within || 'TRUE'} OR ${name} IS NULL`;
    return `${query.sql} WHERE ${condition}`;
  });
  return { queries };
}

/** Divides the query of a table by where its rows lie. */
export async function divideByPlace(
  client: PostgresClient,
  query: ExportQuery,
  sql: string,
  count: number,
): Promise<Division> {
  const one = (why: string): Division => ({
    queries: [query.sql],
    note: `${why}, so it is read as one stream: give --parallel-by COLUMN to divide it by a column's values`,
  });
  const scan = await tableScan(sql);
  if (!scan) return one('the query is not a plain SELECT of one table');
  const aggregate = await aggregateIn(client, scan.calls);
  if (aggregate !== undefined) return one(`the query has the aggregate ${aggregate}`);
  const changing = await whyChanging(client, sql);
  if (changing !== undefined)
    return { queries: [query.sql], note: `${changing}, so it is read as one stream` };
  const { rows } = await client.query<{ pages: number | null; plain: boolean }>(placesOf, [scan.table]);
  const [{ pages, plain } = { pages: null, plain: false }] = rows;
  if (!plain || pages === null) return one(`${scan.table} is not a plain table`);
  const starts = Array.from({ length: count }, (_, i) => Math.floor((pages * i) / count));
  const bounds = [...new Set(starts.slice(1))].filter((start) => start > 0);
  const queries = [undefined, ...bounds].map(async (from, i) => {
    const to = bounds[i];
    const within = [
      from === undefined ? [] : [`ctid >= '(${from},0)'::tid`],
      to === undefined ? [] : [`ctid < '(${to},0)'::tid`],
    ].flat();
    const part = within.length === 0 ? sql : await scan.where(within.join(' AND '));
    return `${query.select} FROM (${part}) AS query`;
  });
  return { queries: await Promise.all(queries) };
}

/**
 * Pages of the largest of a table's parts: the same ranges divide each of them. Only heaps have places that a snapshot keeps;
 * what inherits without being a partition, such as a chunk of a hypertable, may be anything.
 */
const placesOf = `
  WITH RECURSIVE parts AS (
    SELECT c.oid, c.relkind, c.relam, c.relhassubclass FROM pg_class c WHERE c.oid = to_regclass($1)
    UNION ALL
    SELECT c.oid, c.relkind, c.relam, c.relhassubclass
      FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid JOIN pg_class c ON c.oid = i.inhrelid WHERE p.relkind = 'p')
  SELECT bool_and(relkind = 'p' OR relkind = 'r' AND NOT relhassubclass AND a.amname = 'heap') AS plain,
         max(CASE WHEN relkind = 'r' THEN pg_relation_size(parts.oid) / current_setting('block_size')::int8 END)::float8 AS pages
    FROM parts LEFT JOIN pg_am a ON a.oid = relam`;

const keyTypes = /^(smallint|integer|bigint|numeric|date|timestamp with(out)? time zone)$/;

async function keyType(client: PostgresClient, sql: string, column: string): Promise<string> {
  const { columns } = await client.query(`SELECT * FROM (${sql}) AS query LIMIT 0`);
  const found = columns.find(({ name }) => name === column);
  if (!found)
    throw new UserError(`there is no column '${column}' to divide the rows by`, {
      code: 'COLUMN_MISSING',
      hint: `There are ${columns.map(({ name }) => name).join(', ')}.`,
    });
  const { rows } = await client.query<{ name: string }>('SELECT format_type($1::oid, NULL) AS name', [
    found.type,
  ]);
  const type = rows[0]!.name;
  if (keyTypes.test(type)) return type;
  throw new UserError(`the rows cannot be divided by '${column}', which is a ${type}`, {
    code: 'COLUMN_TYPE',
    hint: 'Give a column of whole numbers, numerics, dates or timestamps.',
  });
}
