import { isUtf8 } from 'node:buffer';

import type { PostgresClient } from '../../clients/postgres.js';
import { bytesOf, fromBytes, type ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { CacheTable, unlessMissing } from './table.js';
import {
  type Found,
  type Lease,
  type Lookup,
  type KeyedWriteOutcome,
  type KeyedLevel,
  versionsOutliveMs,
  noRecord,
} from '../keyed-level.js';
import { ttlOf } from '../versions/record.js';
import type { PostgresPool } from '../../clients/postgres/pool.js';

const writesPerPurge = 1000;
const rowsPerPurge = 5000;

/**
 * A table of PostgreSQL. `version` is that of the value; of a value of unknown version it is `-1 - N`, N being the
 * highest version the key was written with. A removed key is a row that is over, and goes ten minutes later. The
 * lease is the transaction that wrote the row.
 */
export class DatabaseKeyedLevel implements KeyedLevel {
  readonly type = 'database';
  private readonly table: CacheTable;
  private created: Promise<void> | undefined;
  private writes = 0;

  /** @throws UserError when that is no table's name. */
  constructor(
    readonly name: string,
    table: string,
    private readonly pool: PostgresPool,
    private readonly clock: Clock,
  ) {
    this.table = new CacheTable(table);
  }

  async lookup(key: ByteString): Promise<Lookup> {
    if (!isText(key)) return { found: undefined, lease: noRecord };
    const sql = `SELECT xmin::text AS lease, expires_at IS NULL OR expires_at > now() AS live, value,
      extract(epoch FROM expires_at - now())::float8 * 1000 AS rest FROM ${this.table.sql} WHERE key = $1`;
    type Row = { lease: Lease; live: boolean; value: Buffer; rest: number | null };
    const { rows } = await unlessMissing(
      this.pool.run((client) => client.query<Row>(sql, [fromBytes(key)])),
      { rows: [] as Row[], rowCount: 0, columns: [] },
    );
    const row = rows[0];
    if (!row) return { found: undefined, lease: noRecord };
    if (!row.live) return { found: undefined, lease: row.lease };
    const expiresAt = row.rest === null ? undefined : this.clock.monotonic() + row.rest;
    return { found: { value: bytesOf(row.value), expiresAt }, lease: row.lease };
  }

  async lease(key: ByteString): Promise<Lease> {
    if (!isText(key)) return noRecord;
    const sql = `SELECT xmin::text AS lease FROM ${this.table.sql} WHERE key = $1`;
    const { rows } = await unlessMissing(
      this.pool.run((client) => client.query<{ lease: Lease }>(sql, [fromBytes(key)])),
      { rows: [], rowCount: 0, columns: [] },
    );
    return rows[0]?.lease ?? noRecord;
  }

  fill(key: ByteString, found: Found, lease: Lease, replace = false): Promise<KeyedWriteOutcome> {
    const over = replace ? '' : 'AND old.expires_at <= now()';
    const version = found.version === undefined ? `-1 - ${floor}` : 'excluded.version';
    return this.upsert(
      key,
      found,
      `value = excluded.value, expires_at = excluded.expires_at, version = ${version}
       WHERE old.xmin::text = $5 ${over} ${found.version === undefined ? '' : `AND ${floor} <= excluded.version`}`,
      found.version ?? -1n,
      lease,
    );
  }

  set(key: ByteString, found: Found, version: bigint | undefined, lease?: Lease): Promise<KeyedWriteOutcome> {
    if (version === undefined) {
      const change = `value = excluded.value, expires_at = excluded.expires_at, version = -1 - ${floor}`;
      return this.upsert(key, found, change, -1n, undefined);
    }
    const sure = `(old.version >= 0 OR old.xmin::text = $5)`;
    return this.upsert(
      key,
      found,
      `value = CASE WHEN ${sure} THEN excluded.value ELSE '' END,
       expires_at = CASE WHEN ${sure} THEN excluded.expires_at ELSE now() END,
       version = CASE WHEN ${sure} THEN excluded.version ELSE -1 - excluded.version END
       WHERE ${floor} < excluded.version`,
      version,
      lease ?? noRecord,
    );
  }

  async remove(key: ByteString, version: bigint | undefined): Promise<boolean> {
    if (!isText(key)) return true;
    const sql = `INSERT INTO ${this.table.sql} AS old (key, value, expires_at, version) VALUES ($1, '', now(), $2)
      ON CONFLICT (key) DO UPDATE SET value = '', expires_at = now(),
        version = ${version === undefined ? `-1 - ${floor}` : 'CASE WHEN old.version < 0 THEN -1 - excluded.version ELSE excluded.version END'}
      ${version === undefined ? '' : `WHERE ${floor} <= excluded.version`}`;
    const { rowCount } = await this.write((client) =>
      client.query(sql, [fromBytes(key), String(version ?? -1n)]),
    );
    return rowCount > 0;
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  private async upsert(
    key: ByteString,
    { value, expiresAt }: Found,
    change: string,
    version: bigint,
    lease: Lease | undefined,
  ): Promise<KeyedWriteOutcome> {
    if (!isText(key)) return 'unfit';
    const sql = `INSERT INTO ${this.table.sql} AS old (key, value, expires_at, version)
      VALUES ($1, $2, now() + $3::float8 * interval '1 millisecond', $4)
      ON CONFLICT (key) DO UPDATE SET ${change}
      RETURNING expires_at IS NULL OR expires_at > now() AS live`;
    const parameters = [
      fromBytes(key),
      Buffer.from(value, 'latin1'),
      expiresAt === undefined ? null : ttlOf(expiresAt, this.clock),
      String(version),
      ...(lease === undefined ? [] : [lease]),
    ];
    const { rows } = await this.write((client) => client.query<{ live: boolean }>(sql, parameters));
    return rows[0]?.live === true ? 'stored' : 'refused';
  }

  private async write<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    return this.pool.run(async (client) => {
      await (this.created ??= this.table.create(client).catch((error: unknown) => {
        this.created = undefined;
        throw error;
      }));
      if (++this.writes % writesPerPurge === 0) await this.purge(client);
      return work(client);
    });
  }

  /** Rows that are over, and whose versions nobody needs any more. */
  private async purge(client: PostgresClient): Promise<void> {
    await client.query(
      `DELETE FROM ${this.table.sql} WHERE key IN (SELECT key FROM ${this.table.sql}
       WHERE expires_at < now() - $1::float8 * interval '1 millisecond' LIMIT ${rowsPerPurge} FOR UPDATE SKIP LOCKED)`,
      [versionsOutliveMs],
    );
  }
}

const floor = '(CASE WHEN old.version < 0 THEN -1 - old.version ELSE old.version END)';

function isText(key: ByteString): boolean {
  return !key.includes('\0') && isUtf8(Buffer.from(key, 'latin1'));
}
