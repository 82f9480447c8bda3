import type { PostgresClient } from '../clients/postgres.js';
import { type Calls, repeatability } from '../sql/repeatable.js';

/**
 * Why a query may not give the same rows each time that it runs in one snapshot, as the beginning of a sentence. Undefined where it
 * does. What views and functions do within is not seen, but for what PostgreSQL says of functions.
 */
export async function whyChanging(client: PostgresClient, sql: string): Promise<string | undefined> {
  const { changing, calls } = await repeatability(sql);
  const found = changing ?? (await anyCalled(client, calls, `provolatile = 'v'`));
  return found && `the query has ${found}, which may give each connection other rows`;
}

/** An aggregate among what is called: `count()`. */
export function aggregateIn(client: PostgresClient, calls: Calls): Promise<string | undefined> {
  return anyCalled(client, calls, `prokind = 'a'`);
}

/** Of all functions and operators with these names, in whatever schema and with whatever arguments. */
async function anyCalled(
  client: PostgresClient,
  { functions, operators }: Calls,
  condition: string,
): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT proname || '()' AS name FROM pg_proc WHERE proname = ANY($1) AND ${condition}
     UNION ALL SELECT oprname FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
       WHERE oprname = ANY($2) AND ${condition} LIMIT 1`,
    [functions, operators],
  );
  return rows[0]?.name;
}
