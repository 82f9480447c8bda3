import type { PostgresClient } from '../../clients/postgres.js';
import { quoteIdentifier } from '../../sql/quote.js';
import { partitionPath } from '../partition-path.js';
import type { ExportQuery } from '../query.js';
import type { SparkColumn } from './columns.js';

type Surveyed = Pick<ExportQuery, 'sql' | 'columns' | 'partitions' | 'refusals'>;

/**
 * What Spark is to find in a snapshot: how many rows each partition has, by folder. PostgreSQL looks for values that files cannot
 * hold, which the query's refusals are told of: Spark would round them.
 * @param client in the snapshot
 * @throws UserError `VALUE_REFUSED`, `PARTITION_VALUE`
 */
export async function surveyRows(
  client: PostgresClient,
  query: Surveyed,
  columns: readonly SparkColumn[],
): Promise<Map<string, number>> {
  const names = query.partitions.map(({ name }) => name);
  const folders = names.map(quoteIdentifier).join(', ');
  const unfit = columns.flatMap(({ misfits }) => misfits.map(({ condition }) => `(${condition})`));
  const { rows } = await client.query<{ values: string; rows: string; unfit: boolean }>(
    `SELECT json_build_array(${folders})::text AS values, count(*)::text AS rows,
            coalesce(bool_or(${unfit.join(' OR ') || 'false'}), false) AS unfit
       FROM (${query.sql}) AS export ${folders && `GROUP BY ${folders}`}`,
  );
  if (rows.some((each) => each.unfit)) await findMisfits(client, query, columns);
  query.refusals.check();
  return new Map(
    rows.map((each) => [
      partitionPath(names, JSON.parse(each.values) as (string | null)[]),
      Number(each.rows),
    ]),
  );
}

/** Digits of a row's number in front of its key. */
const width = 19;

/** Tells the refusals of each kind of value, with the first row that has it. */
async function findMisfits(
  client: PostgresClient,
  { sql, columns: [first], refusals }: Surveyed,
  columns: readonly SparkColumn[],
): Promise<void> {
  const kinds = columns.flatMap(({ name, misfits }, i) =>
    misfits.map(({ misfit }, j) => ({ id: `${i}/${j}`, name, misfit })),
  );
  const found = columns.flatMap(({ misfits }, i) => {
    const cases = misfits.map(({ condition }, j) => `WHEN ${condition} THEN '${i}/${j}'`);
    return cases.length === 0 ? [] : `CASE ${cases.join(' ')} END`;
  });
  const key = quoteIdentifier(first!.name);
  const { rows } = await client.query<{ id: string; count: string; first: string }>(
    `SELECT id, count(*)::text AS count, min(lpad(row::text, ${width}, '0') || key COLLATE "C") AS first
       FROM (SELECT row_number() OVER () AS row, coalesce(left(${key}::text, 61), 'null') AS key, ARRAY[${found.join(', ')}] AS ids
               FROM (${sql}) AS export) AS rows,
            unnest(ids) AS id
      WHERE id IS NOT NULL GROUP BY id ORDER BY first`,
  );
  for (const { id, count, first: place } of rows) {
    const { name, misfit } = kinds.find((each) => each.id === id)!;
    const text = place.slice(width);
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    refusals.add(
      name,
      misfit,
      Number(place.slice(0, width)),
      () => `${first!.name} = ${shown}`,
      Number(count),
    );
  }
}
