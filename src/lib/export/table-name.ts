import type { PostgresClient } from '../clients/postgres.js';
import { UserError } from '../core/errors.js';
import { quoteIdentifier } from '../sql/quote.js';

/**
 * A table's full name, quoted.
 * @param table as SQL names it: `readings`, `public."Readings"`
 * @throws UserError `TABLE_MISSING`
 */
export async function resolveTable(client: PostgresClient, table: string): Promise<string> {
  const { rows } = await client
    .query<{ schema: string; name: string }>(
      `SELECT n.nspname::text AS schema, c.relname::text AS name
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)`,
      [table],
      { columns: ['schema', 'name'] },
    )
    .catch((error: unknown) => {
      const { code } = error as { code?: string };
      // What is not a name, or has a database's in front.
      if (code === '42602' || code === '0A000' || code === '42601') throw missing(table);
      throw error;
    });
  const found = rows[0];
  if (!found) throw missing(table);
  return `${quoteIdentifier(found.schema)}.${quoteIdentifier(found.name)}`;
}

function missing(table: string): UserError {
  return new UserError(`there is no table ${table}`, {
    code: 'TABLE_MISSING',
    hint: 'Name it as SQL does, with its schema: --table public.readings.',
  });
}
