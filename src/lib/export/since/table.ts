import type { PostgresClient } from '../../clients/postgres.js';
import { ServiceConflict, UserError } from '../../core/errors.js';
import type { State } from './state.js';

/** Where the rows are: of a table that is partitioned, in its partitions. */
export interface TablePart {
  readonly oid: number;
  /** Changes when the table is rewritten: by TRUNCATE, VACUUM FULL, CLUSTER, some of ALTER TABLE. */
  readonly file: number;
}

export interface NamedPart extends TablePart {
  /** Quoted where it must be. */
  readonly name: string;
}

/** A table whose new rows can be told. */
export interface SinceTable {
  /** Quoted, with its schema. */
  readonly name: string;
  readonly system: string | null;
  readonly timeline: number | null;
  readonly database: string;
  readonly oid: number;
  readonly parts: readonly NamedPart[];
}

interface Row {
  readonly oid: number;
  readonly database: string;
  readonly kind: string;
  readonly method: string | null;
  readonly secured: boolean;
}

const kinds: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view, which every REFRESH rewrites',
  f: 'a foreign table',
};

/**
 * @param table its full name, quoted
 * @throws UserError `COLUMN_MISSING`, `SINCE_UNSUPPORTED` for anything but tables whose rows carry transactions
 */
export async function readSinceTable(
  client: PostgresClient,
  name: string,
  column: string,
): Promise<SinceTable> {
  const { rows } = await client.query<Row & Record<string, unknown>>(
    `SELECT c.oid::bigint::float8 AS oid, current_database()::text AS database,
            c.relkind::text AS kind, m.amname::text AS method, row_security_active(c.oid) AS secured
       FROM pg_class c LEFT JOIN pg_am m ON m.oid = c.relam
      WHERE c.oid = to_regclass($1)`,
    [name],
  );
  const found = rows[0];
  // It was there a moment ago.
  if (!found) throw new ServiceConflict(`${name} was dropped`);
  if (found.kind in kinds) throw unsupported(`${name} is ${kinds[found.kind]}`, column);
  if (found.secured)
    throw unsupported(`${name} has row security, by which rows may appear that are not new`, column);
  const columns = await readColumns(client, found.oid);
  if (!columns.includes(column))
    throw new UserError(`${name} has no column '${column}'`, {
      code: 'COLUMN_MISSING',
      hint: `It has ${columns.join(', ')}.`,
    });
  const parts = await readParts(client, found.oid);
  const foreign = parts.find(({ method }) => method !== 'heap');
  if (foreign)
    throw unsupported(`${foreign.name} is not an ordinary table: its rows carry no transactions`, column);
  return {
    name,
    ...(await readServer(client)),
    database: found.database,
    oid: found.oid,
    parts: parts.map(({ oid, file, name: part }) => ({ oid, file, name: part })),
  };
}

async function readColumns(client: PostgresClient, oid: number): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT attname::text AS name FROM pg_attribute WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [oid],
  );
  return rows.map(({ name }) => name);
}

async function readParts(
  client: PostgresClient,
  oid: number,
): Promise<(NamedPart & { readonly method: string | null })[]> {
  const { rows } = await client.query<TablePart & { name: string; method: string | null }>(
    `WITH RECURSIVE tree AS (
       SELECT $1::bigint::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON i.inhparent = tree.oid)
     SELECT c.oid::bigint::float8 AS oid, coalesce(pg_relation_filenode(c.oid), 0)::bigint::float8 AS file,
            c.oid::regclass::text AS name, m.amname::text AS method
       FROM tree JOIN pg_class c ON c.oid = tree.oid LEFT JOIN pg_am m ON m.oid = c.relam WHERE c.relkind <> 'p' ORDER BY c.oid`,
    [oid],
  );
  return rows;
}

/** Which server it is: a copy that was restored or promoted counts transactions in its own way. */
async function readServer(
  client: PostgresClient,
): Promise<{ system: string | null; timeline: number | null }> {
  const { rows } = await client.query<{ allowed: boolean }>(
    `SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AND has_function_privilege('pg_control_checkpoint()', 'EXECUTE') AS allowed`,
  );
  if (!rows[0]!.allowed) return { system: null, timeline: null };
  const answer = await client.query<{ system: string; timeline: number }>(
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
            CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
              ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int END AS timeline`,
  );
  return answer.rows[0]!;
}

/** @throws ServiceConflict `STATE_CONFLICT` when the state says nothing of this table */
export function assertSame(state: State['table'], table: SinceTable): void {
  const what =
    state.system !== null && table.system !== null && state.system !== table.system
      ? 'another server'
      : state.database !== table.database
        ? `another database, ${state.database}`
        : state.oid !== table.oid
          ? `another table, ${state.name}${state.name === table.name ? ', which was dropped and created again' : ''}`
          : undefined;
  if (what !== undefined)
    throw new ServiceConflict(`the state file is of ${what}`, {
      code: 'STATE_CONFLICT',
      hint: 'Give each table its own --state FILE, or remove it and export to a new folder.',
    });
  if (state.timeline !== null && table.timeline !== null && state.timeline !== table.timeline)
    throw new ServiceConflict(
      `the server was restored or promoted since (timeline ${state.timeline} → ${table.timeline}), so that transactions may have been lost and their numbers reused`,
      { code: 'STATE_CONFLICT', hint: 'Remove the state file, and export to a new folder.' },
    );
}

function unsupported(what: string, column: string): UserError {
  return new UserError(`new rows cannot be told here: ${what}`, {
    code: 'SINCE_UNSUPPORTED',
    hint: `Export the table behind it. By the values of ${column} alone, rows that come late would be missed.`,
  });
}
