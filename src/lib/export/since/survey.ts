import type { PostgresClient } from '../../clients/postgres.js';
import { UserError } from '../../core/errors.js';
import { quoteIdentifier, quoteLiteral } from '../../sql/quote.js';
import { type Horizon, sightingSql } from './horizon.js';
import { partitionSql, type SinceSource } from './source.js';
import type { State } from './state.js';

/** What is counted of a partition of the dataset. */
export interface PartitionSurvey {
  /** Of the partitions' columns, as text. */
  readonly values: readonly (string | null)[];
  /** The values as the server prints them together. */
  readonly key: string;
  rows: number;
  /** Rows that the last run did not see. */
  fresh: number;
}

/** What a table looks like before it is exported. */
export interface Survey {
  readonly partitions: readonly PartitionSurvey[];
  /** See `State.seen`. */
  readonly seen: readonly string[];
  /** The newest value of the cursor column, as text. */
  readonly newest: string | null;
  /** Its lowest and highest value in new rows, as text. */
  readonly range: { readonly low: string; readonly high: string } | undefined;
  /** New rows whose cursor column is null. */
  readonly nullCursors: number;
  /** New rows whose cursor column is below the newest value of the last run. */
  readonly late: number;
}

interface Row {
  readonly values: (string | null)[];
  readonly key: string;
  readonly sighting: string | null;
  readonly rows: number;
  readonly fresh: number;
  readonly newest: string | null;
  readonly low: string | null;
  readonly high: string | null;
  readonly nulls: number;
  readonly late: number;
}

const columns = ['values', 'key', 'sighting', 'rows', 'fresh', 'newest', 'low', 'high', 'nulls', 'late'];

/** An SQL condition of rows that the last run did not see. @param now the next XID */
export function freshSql({ horizon, seen, table }: State, row: string, now: bigint): string {
  const sighting = sightingSql(horizon, row, now);
  const known = table.parts.flatMap(({ oid, detached }) => (detached ? [] : [oid])).join(',');
  // `IS NOT TRUE` keeps it a search in a hash table, which NOT would not.
  const isNew = `((${sighting}) IS NOT NULL AND (${sighting} = ANY ('{${seen.join(',')}}'::bigint[])) IS NOT TRUE)`;
  // A partition that was attached since comes with rows of any age.
  return `(${row}.tableoid <> ALL ('{${known}}'::oid[]) OR ${isNew})`;
}

export interface SurveyOptions {
  readonly source: SinceSource;
  readonly partitionBy: readonly string[];
  /** The cursor column. */
  readonly column: string;
  readonly last: State | undefined;
  readonly horizon: Horizon;
  /** Sightings and partitions. */
  readonly most: number;
}

/** Reads the table once. @returns undefined where there is more to count than `most` */
export async function surveyTable(
  client: PostgresClient,
  { source, partitionBy, column, last, horizon, most }: SurveyOptions,
): Promise<Survey | undefined> {
  const cursor = quoteIdentifier(column);
  const newest = last?.since.newest ?? null;
  const rows = source.sql([
    `${sightingSql(horizon, source.row, horizon.next)} AS metrify_sighting`,
    `${last ? freshSql(last, source.row, horizon.next) : 'true'} AS metrify_fresh`,
  ]);
  // OFFSET 0: the expressions are evaluated once a row.
  const sql = `SELECT metrify_values AS values, metrify_values::text AS key, metrify_sighting::text AS sighting,
      count(*)::float8 AS rows, count(*) FILTER (WHERE metrify_fresh)::float8 AS fresh,
      (max(max(metrify_cursor)) OVER ())::text AS newest,
      (min(min(metrify_cursor) FILTER (WHERE metrify_fresh)) OVER ())::text AS low,
      (max(max(metrify_cursor) FILTER (WHERE metrify_fresh)) OVER ())::text AS high,
      count(*) FILTER (WHERE metrify_fresh AND metrify_cursor IS NULL)::float8 AS nulls,
      ${newest === null ? '0::float8' : `count(*) FILTER (WHERE metrify_fresh AND metrify_cursor < ${quoteLiteral(newest)})::float8`} AS late
    FROM (SELECT ${partitionSql(partitionBy)} AS metrify_values, ${cursor} AS metrify_cursor, metrify_sighting, metrify_fresh
            FROM (${rows}) AS rows OFFSET 0) AS metrify
   GROUP BY metrify_values, metrify_sighting LIMIT ${most + 1}`;
  const answer = await client
    .query<Row & Record<string, unknown>>(sql, undefined, { columns })
    .catch((error) => {
      throw (error as { code?: unknown }).code === '42883' ? unordered(column) : error;
    });
  return answer.rows.length > most ? undefined : summed(answer.rows);
}

function summed(rows: readonly Row[]): Survey {
  const partitions = new Map<string, PartitionSurvey>();
  const seen = new Set<string>();
  const { newest = null, low = null, high = null } = rows[0] ?? {};
  let [nullCursors, late] = [0, 0];
  for (const row of rows) {
    let partition = partitions.get(row.key);
    if (!partition) {
      partition = { values: row.values, key: row.key, rows: 0, fresh: 0 };
      partitions.set(row.key, partition);
    }
    partition.rows += row.rows;
    partition.fresh += row.fresh;
    nullCursors += row.nulls;
    late += row.late;
    if (row.sighting !== null) seen.add(row.sighting);
  }
  return {
    partitions: [...partitions.values()],
    seen: [...seen],
    newest,
    range: low === null || high === null ? undefined : { low, high },
    nullCursors,
    late,
  };
}

function unordered(column: string): UserError {
  return new UserError(`the values of '${column}' have no order, which --since-column needs`, {
    code: 'SINCE_UNSUPPORTED',
    hint: 'Give a column with a time or a number.',
  });
}
