import type { QueryResultRow } from 'pg';
import type { PostgresClient, QueryAnswer } from '../../clients/postgres.js';
import {
  errorMessage,
  ServiceConflict,
  ServiceRefused,
  ServiceUnavailable,
  UserError,
} from '../../core/errors.js';
import { Fenced, isTransient, sqlState } from './failures.js';

/** Where a partition stands in the database: the number and id of the last entry that was settled. */
export interface Position {
  number: number;
  id: string;
}

const tables = [
  `CREATE TABLE IF NOT EXISTS metrify_queue_fence (
     partition int PRIMARY KEY, token bigint NOT NULL, last_n bigint NOT NULL DEFAULT 0, last_id text NOT NULL DEFAULT '0-0')`,
  `CREATE TABLE IF NOT EXISTS metrify_queue_applied (
     op_id uuid PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
  `CREATE INDEX IF NOT EXISTS metrify_queue_applied_at ON metrify_queue_applied USING brin (applied_at)`,
];

/** Makes metrify's own tables where they are missing. @throws ServiceRefused when the role may not. */
export async function prepareTables(pg: PostgresClient): Promise<void> {
  for (const sql of tables) {
    for (let attempt = 0; ; attempt++) {
      const known = await pg.query<{ there: boolean }>(
        `SELECT to_regclass($1) IS NOT NULL AS there`,
        [/(metrify_\w+)/.exec(sql)![1]],
        { columns: ['there'] },
      );
      if (known.rows[0]!.there) break;
      try {
        await pg.query(sql);
        break;
      } catch (error) {
        // Two workers that start at once: IF NOT EXISTS does not see what another one is making.
        if (attempt < 3 && /^(?:23505|42P07|XX000)$/.test(sqlState(error) ?? '')) continue;
        throw error instanceof ServiceRefused
          ? new ServiceRefused(`metrify's tables cannot be made: ${errorMessage(error)}`, {
              hint: `Let the role create them, or make them yourself:\n${tables.join(';\n')};`,
            })
          : error;
      }
    }
  }
}

/** A statement on metrify's own tables. @throws ServiceConflict when they are not there as metrify made them. */
export async function queryOwn<R extends QueryResultRow>(
  pg: PostgresClient,
  text: string,
  params?: readonly unknown[],
): Promise<QueryAnswer<R>> {
  try {
    return await pg.query<R>(text, params);
  } catch (error) {
    const state = sqlState(error);
    const known =
      error instanceof UserError || state === undefined || state === '23505' || isTransient(error);
    throw known
      ? error
      : new ServiceConflict(`metrify's own tables at ${pg.target} do not work: ${errorMessage(error)}`, {
          code: 'QUEUE_TABLES',
          hint: 'What is queued still waits. Start the worker again: it makes the tables that are missing.',
          cause: error,
        });
  }
}

/**
 * Makes this token the one that may write to the partition, unless a higher one was here. A session that holds the
 * partition's row for more than a second, or than our time-out, is ended.
 * @returns the position, or the token that is in force. @throws ServiceUnavailable naming a session we may not end.
 */
export async function takeFence(
  pg: PostgresClient,
  partition: number,
  token: number,
): Promise<{ position: Position } | { inForce: number }> {
  try {
    return await raiseFence(pg, partition, token);
  } catch (error) {
    const waited = sqlState(error) === lockNotAvailable || error instanceof ServiceUnavailable;
    if (!waited || !(await endHolder(pg, partition))) throw error;
    return await raiseFence(pg, partition, token);
  }
}

const lockNotAvailable = '55P03';
const notAllowed = '42501';
/** With the statement behind it one transaction: the setting ends there, whoever the session belongs to next. */
const briefly = `SET LOCAL lock_timeout = '1s';`;

async function raiseFence(
  pg: PostgresClient,
  partition: number,
  token: number,
): Promise<{ position: Position } | { inForce: number }> {
  const { rows } = await queryOwn<{ last_n: string; last_id: string }>(
    pg,
    `${briefly} INSERT INTO metrify_queue_fence AS f (partition, token) VALUES (${partition}, ${token})
     ON CONFLICT (partition) DO UPDATE SET token = excluded.token WHERE f.token < excluded.token
     RETURNING last_n, last_id`,
  );
  if (rows[0]) return { position: { number: Number(rows[0].last_n), id: rows[0].last_id } };
  const known = await queryOwn<{ token: string }>(
    pg,
    `${briefly} SELECT token FROM metrify_queue_fence WHERE partition = ${partition}`,
  );
  return { inForce: Number(known.rows[0]?.token ?? 0) };
}

/**
 * Ends the session that writes to the partition though its lease is over: its worker is frozen or cut off. No time-out
 * of the server does it when that happened in the middle of a message, where the session counts as active. What it had
 * not committed is still in the queue.
 * @returns false when none was found, or could be looked for.
 */
async function endHolder(pg: PostgresClient, partition: number): Promise<boolean> {
  const holder = `FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted
       AND transactionid = (SELECT xmax FROM metrify_queue_fence WHERE partition = ${partition})`;
  try {
    return (await pg.query(`${briefly} SELECT pg_terminate_backend(pid) ${holder}`)).rowCount > 0;
  } catch (error) {
    if (sqlState(error) !== notAllowed) return false;
    const { rows } = await pg.query<{ pid: number; role: string; us: string }>(
      `${briefly} SELECT pid, usename AS role, quote_ident(current_user) AS us ${holder}`,
    );
    if (!rows[0]) return false;
    const { pid, role, us } = rows[0];
    throw new ServiceUnavailable(
      `session ${pid} of role ${role} at ${pg.target} keeps partition ${partition} locked, and ${us} may not end it without pg_signal_backend`,
      { code: 'PARTITION_LOCKED', hint: `GRANT pg_signal_backend TO ${us}`, cause: error },
    );
  }
}

/** Opens a transaction in which only the holder of the partition's token can be. @throws Fenced. */
export async function beginFenced(
  pg: PostgresClient,
  partition: number,
  token: number,
  position: Position,
): Promise<void> {
  if (!/^\d+-\d+$/.test(position.id)) throw new Error(`no stream id: ${position.id}`);
  const { rowCount } = await queryOwn(
    pg,
    `BEGIN; UPDATE metrify_queue_fence SET last_n = GREATEST(last_n, ${position.number}), last_id = '${position.id}'
     WHERE partition = ${partition} AND token = ${token}`,
  );
  if (rowCount === 1) return;
  await pg.query('ROLLBACK');
  throw new Fenced(`partition ${partition} is another worker's`);
}

/** Forgets operations applied longer ago than `retentionMs`. */
export async function forgetApplied(pg: PostgresClient, retentionMs: number): Promise<void> {
  await queryOwn(
    pg,
    `DELETE FROM metrify_queue_applied WHERE applied_at < now() - make_interval(secs => $1::float8)`,
    [retentionMs / 1000],
  );
}
