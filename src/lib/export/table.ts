import type { PostgresClient } from '../clients/postgres.js';
import { systemCode, UserError } from '../core/errors.js';
import { quoteIdentifier } from '../sql/quote.js';

/** What has rows, as pg_class calls it. */
const kinds = { r: 'table', p: 'partitioned table', v: 'view', m: 'materialized view', f: 'foreign table' };
const others: Readonly<Record<string, string>> = {
  i: 'an index',
  I: 'an index',
  S: 'a sequence',
  c: 'a composite type',
  t: 'a TOAST table',
};

/** What `--table` names. */
export interface Table {
  readonly kind: (typeof kinds)[keyof typeof kinds];
  /** With its schema, quoted. */
  readonly name: string;
  /** All of its rows, those of its partitions among them. */
  readonly sql: string;
}

interface Found {
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
}

/**
 * Finds a table or view by its name, as SQL writes it: `readings`, `metering.readings`, `"Odd name"`.
 * @throws UserError `TABLE_MISSING`, `TABLE_UNUSABLE`
 */
export async function findTable(client: PostgresClient, written: string): Promise<Table> {
  const found = await lookUp(client, written);
  if (!found)
    throw new UserError(`there is no table '${written}' in ${client.target}`, {
      code: 'TABLE_MISSING',
      hint: 'Write it with its schema, as metering.readings; a name with capital letters stands in double quotes.',
    });
  const { kind } = found;
  if (!(kind in kinds))
    throw new UserError(`'${written}' is ${others[kind] ?? 'not a table'}, which has no rows to export`, {
      code: 'TABLE_UNUSABLE',
      hint: `Give a ${Object.values(kinds).join(', ')}, or a query with --sql.`,
    });
  const name = `${quoteIdentifier(found.schema)}.${quoteIdentifier(found.name)}`;
  return { kind: kinds[kind as keyof typeof kinds], name, sql: `SELECT * FROM ${name}` };
}

async function lookUp(client: PostgresClient, written: string): Promise<Found | undefined> {
  try {
    const { rows } = await client.query<Found & Record<string, unknown>>(
      `SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)`,
      [written],
      { columns: ['schema', 'name', 'kind'] },
    );
    return rows[0];
  } catch (error) {
    // What is not a name at all, or one of another database.
    if (!['42601', '42602', '0A000'].includes(systemCode(error) ?? '')) throw error;
    throw new UserError(`'${written}' is not the name of a table`, {
      code: 'TABLE_MISSING',
      cause: error,
      hint: 'Write it as SQL does: metering.readings, or "Odd name" in double quotes.',
    });
  }
}
