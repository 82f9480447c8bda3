import type { PostgresClient } from '../clients/postgres.js';
import { ServiceUnavailable, systemCode } from '../core/errors.js';
import { quoteLiteral } from '../sql/quote.js';

/** Connections that see the same state of the database. */
export interface Snapshot {
  /** `xmin:xmax:running`, as `pg_current_snapshot()` prints it. */
  readonly text: string;
  /** ISO 8601, by the server's clock: what was committed before is seen. */
  readonly time: string;
  readonly clients: readonly PostgresClient[];
}

export interface SnapshotOptions {
  /** How many connections there are, at least 1. */
  readonly count: number;
  connect(): Promise<PostgresClient>;
}

/** PostgreSQL does not know the snapshot: it is another server or database, or who exported it has ended. */
const unknownSnapshot = new Set(['22023', '42704', '0A000', '58P01']);
// The transaction began before its first query took the snapshot.
const current = `SELECT txid_current_snapshot()::text AS text,
  to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time`;

/**
 * Does the work in one snapshot, which `client` holds open to its end.
 * @throws ServiceUnavailable `SNAPSHOT_NOT_VISIBLE` when another connection cannot see it; as the clients
 */
export async function inSnapshot<T>(
  client: PostgresClient,
  { count, connect }: SnapshotOptions,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  const ends: (() => Promise<void>)[] = [];
  const clients = [client];
  try {
    ends.push(await client.beginReadOnly({ statementTimeoutMs: 0, snapshot: 'new' }));
    const seen = await readCurrent(client);
    if (count > 1) {
      const answer = await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
      const snapshot = quoteLiteral(answer.rows[0]!.id);
      while (clients.length < count) {
        const other = await connect();
        clients.push(other);
        ends.push(await beginIn(other, snapshot, seen.text));
      }
    }
    return await work({ ...seen, clients });
  } finally {
    for (const end of ends) await end();
    for (const other of clients.slice(1)) await other.close();
  }
}

async function beginIn(client: PostgresClient, snapshot: string, text: string): Promise<() => Promise<void>> {
  try {
    const end = await client.beginReadOnly({ statementTimeoutMs: 0, snapshot: { id: snapshot } });
    // A proxy may have left the statement out.
    if ((await readCurrent(client)).text === text) return end;
  } catch (error) {
    if (!unknownSnapshot.has(systemCode(error) ?? '')) throw error;
    throw notVisible(error);
  }
  throw notVisible(undefined);
}

async function readCurrent(client: PostgresClient): Promise<Pick<Snapshot, 'text' | 'time'>> {
  const { rows } = await client.query<{ text: string; time: string }>(current);
  return rows[0]!;
}

function notVisible(cause: unknown): ServiceUnavailable {
  return new ServiceUnavailable('snapshot not visible: a transaction pooler?', {
    code: 'SNAPSHOT_NOT_VISIBLE',
    cause,
    hint: 'Connect to the server itself, or give --parallel 1.',
  });
}
