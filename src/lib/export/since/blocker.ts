import type { PostgresClient } from '../../clients/postgres.js';
import { formatDuration } from '../../core/units.js';

interface Row {
  readonly what: string;
  readonly ageMs: number;
  readonly query: string | null;
}

/** The oldest transaction that has written something and runs yet, for people; undefined where it has ended. */
export async function describeOldest(client: PostgresClient): Promise<string | undefined> {
  const { rows } = await client.query<Row & Record<string, unknown>>(
    `SELECT what, (extract(epoch FROM now() - begun) * 1000)::float8 AS "ageMs", query FROM (
       SELECT 'process ' || pid || ' of ' || coalesce(usename::text, 'unknown') AS what, xact_start AS begun, left(query, 80) AS query, backend_xid AS xid
         FROM pg_stat_activity WHERE backend_xid IS NOT NULL
       UNION ALL
       SELECT 'the prepared transaction ' || quote_literal(gid) || ' of ' || owner, prepared, NULL, transaction FROM pg_prepared_xacts
     ) AS running ORDER BY age(xid) DESC LIMIT 1`,
    [],
    { columns: ['what', 'ageMs', 'query'] },
  );
  const oldest = rows[0];
  if (!oldest) return undefined;
  const query = oldest.query ? `: ${oldest.query.replace(/\s+/g, ' ').trim()}` : '';
  return `${oldest.what}, for ${formatDuration(Math.max(0, Math.round(oldest.ageMs)))}${query}`;
}
