import type { PostgresClient } from '../clients/postgres.js';

/** What PostgreSQL's planner expects of a query. */
export interface Estimate {
  readonly rows: number;
  /** Of all rows, as PostgreSQL keeps them. */
  readonly bytes: number;
}

export async function estimateQuery(client: PostgresClient, sql: string): Promise<Estimate> {
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `EXPLAIN (FORMAT JSON) ${sql}`,
  );
  const plan = rows[0]!['QUERY PLAN'][0].Plan;
  return { rows: plan['Plan Rows']!, bytes: plan['Plan Rows']! * plan['Plan Width']! };
}
