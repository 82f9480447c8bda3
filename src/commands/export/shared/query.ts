import { openPostgres, type PostgresClient } from '../../../lib/clients/postgres.js';
import { requireSystem } from '../../../lib/clients/systems.js';
import { findTable } from '../../../lib/export/table.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';
import { sourceFlags } from '../../shared/source/flags.js';
import { readQuery } from '../../shared/source/query.js';

/** Rows of PostgreSQL. */
export const queryFlags = {
  sql: sourceFlags.sql,
  table: flag.text({ placeholder: 'TABLE', help: 'rows of a table or view' }),
};

/** What becomes of values that files cannot hold. */
export const infinityChoices = ['error', 'null'] as const;

export interface OpenQuery {
  readonly client: PostgresClient;
  /** One more connection. */
  readonly connect: () => Promise<PostgresClient>;
  readonly sql: string;
  /** Full name of the table, quoted; undefined with `--sql`. */
  readonly table: string | undefined;
}

/**
 * Connects, and finds the rows that one of the two flags names. The connection is closed with the context.
 * @throws UserError exit 2; as the client
 */
export async function openQuery(
  { sql, table }: FlagValues<typeof queryFlags>,
  context: Context,
): Promise<OpenQuery> {
  const written = sql === undefined ? undefined : await readQuery(sql, context.cwd);
  const settings = await context.settings();
  const postgres = requireSystem(settings, 'postgres', written === undefined ? '--table' : '--sql');
  const connect = () => openPostgres(postgres, settings, context.signal);
  const client = await connect();
  context.closing(() => client.close());
  if (written !== undefined) return { client, connect, sql: written, table: undefined };
  const found = await client.readOnly(() => findTable(client, table!));
  return { client, connect, sql: found.sql, table: found.name };
}
