import type { PostgresClient } from '../../clients/postgres.js';

/*
 * Words of incremental runs. Horizon: what the last run's snapshot says of transactions. Sighting: what the last run noted of rows
 * that the horizon alone cannot place. Fresh: rows that the last run did not see. Held: rows that the dataset has. Gone: rows that the
 * last run saw, and that were changed or deleted since. Cursor column: tells which fresh rows came late, and decides nothing else.
 */

/** XIDs are 32 bits wide where rows carry them; here they are 64 bits wide, as the server counts them. */
const wrap = 1n << 32n;
/** Below are XIDs that mean "older than all others". */
const firstNormal = 3n;
/** How many transactions may begin until the next run, at least; and how many times those since the last one. */
const leastAhead = 1n << 24n;
const timesAhead = 16n;
/** Beyond it the server itself cannot tell the past from the future. */
const mostAhead = 1n << 31n;

/**
 * What a snapshot says of rows, by the XIDs that inserted them (`xmin`). Of those below `oldest` all was finished: they were seen
 * then, or are gone. From there up to `next` some were finished and some were running. From `next` on none had begun.
 *
 * Rows keep their XID when they are frozen, only its upper half is lost. So a row that was there already may look as if it
 * came from a transaction behind `next`, once the counter has gone round. Those up to `until` were noted as well.
 */
export interface Horizon {
  readonly oldest: bigint;
  readonly next: bigint;
  readonly until: bigint;
}

/** Of the transaction's snapshot. @param last that of the run before */
export async function readHorizon(client: PostgresClient, last: Horizon | undefined): Promise<Horizon> {
  const { rows } = await client.query<{ oldest: string; next: string }>(
    `SELECT txid_snapshot_xmin(txid_current_snapshot())::text AS oldest, txid_snapshot_xmax(txid_current_snapshot())::text AS next`,
    [],
    { columns: ['oldest', 'next'] },
  );
  const oldest = BigInt(rows[0]!.oldest);
  const next = BigInt(rows[0]!.next);
  return { oldest, next, until: next + transactionsAhead(next - (last?.next ?? next)) };
}

function transactionsAhead(lately: bigint): bigint {
  const ahead = lately * timesAhead;
  if (ahead < leastAhead) return leastAhead;
  return ahead < mostAhead / 2n ? ahead : mostAhead / 2n;
}

/** Whether rows that were there at the horizon can still be told from those that came between it and `next`. */
export function reaches({ until }: Horizon, next: bigint): boolean {
  // As long as the counter has not gone round, no row looks younger than it is.
  return next <= wrap || next <= until;
}

/**
 * An SQL expression of a row: null where it was there at the horizon for certain; else a bigint, which a row that was there has in
 * common only with rows that were there too. Where its transaction may have run then, that is its distance from `oldest`, and
 * where it would have to come from the future, a negative number for this very row.
 * @param row the table's alias
 * @param now the next XID, which is as far as rows may have come from
 */
export function sightingSql({ oldest, next, until }: Horizon, row: string, now: bigint): string {
  const end = until > now ? until : now;
  const distance = `(${row}.xmin::text::bigint + ${(wrap - (oldest % wrap)) % wrap}) % ${wrap}`;
  return `CASE WHEN ${distance} >= ${end - oldest} OR ${row}.xmin::text::bigint < ${firstNormal} THEN NULL
    WHEN ${distance} < ${next - oldest} THEN ${distance}
    ELSE -1 - (hashtextextended(concat_ws(' ', ${row}.tableoid, ${row}.xmin, ${row}.ctid), 0) & 9223372036854775807) END`;
}

/** Whether rows were noted one by one, by their place in the table. */
export function notesPlaces(seen: readonly string[]): boolean {
  return seen.some((sighting) => sighting.startsWith('-'));
}
