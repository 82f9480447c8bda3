import { isUtf8 } from 'node:buffer';

import { bytesOf, fromBytes, type ByteString } from '../../core/bytes.js';
import { errorMessage, systemCode } from '../../core/errors.js';
import type { PostgresClient } from '../../clients/postgres.js';
import type { DatabaseConnection } from './connection.js';
import type { CacheTable } from './table.js';
import type { Entry, BulkWriter, BulkWriteOptions, BulkWriteOutcome } from '../bulk-level.js';

type Outcomes = Map<ByteString, { outcome: BulkWriteOutcome; reason?: string }>;

const rowsPerStatement = 2000;
const bytesPerStatement = 4 << 20;

/**
 * Upserts in batches, one statement under way while the next is collected. After a lost connection the batch is sent
 * again: under `nx`, whether its rows that are there then had been committed by it is not known.
 */
export class DatabaseWriter implements BulkWriter {
  readonly restarts = 0;
  private waiting: Entry[] = [];
  private running: Promise<void> | undefined;
  private failure: Error | undefined;
  private created = false;
  private closed = false;

  constructor(
    private readonly connection: DatabaseConnection,
    private readonly table: CacheTable,
    private readonly options: BulkWriteOptions,
  ) {}

  async write(entries: Entry[]): Promise<void> {
    const { signal, settled } = this.options;
    signal.throwIfAborted();
    if (this.failure) throw this.failure;
    for (const entry of entries) {
      const problem = Array.isArray(entry.value) ? 'the database level has no hashes' : keyProblem(entry.key);
      if (problem === undefined) this.waiting.push(entry);
      else settled(entry, 'failed', problem);
    }
    while (this.waiting.length > 0) {
      if (this.running && this.waiting.length < rowsPerStatement) return;
      await this.idle();
      this.start();
    }
  }

  async drain(): Promise<void> {
    while (this.running || this.waiting.length > 0) {
      await this.idle();
      if (this.waiting.length > 0) this.start();
    }
    if (this.failure) throw this.failure;
  }

  close(): Promise<void> {
    this.closed = true;
    this.waiting = [];
    return Promise.resolve();
  }

  private async idle(): Promise<void> {
    await this.running;
    if (this.failure) throw this.failure;
  }

  private start(): void {
    let count = 0;
    for (
      let bytes = 0;
      count < this.waiting.length && count < rowsPerStatement && bytes < bytesPerStatement;
      count++
    )
      bytes += this.waiting[count]!.value.length;
    const batch = this.waiting.splice(0, count);
    this.running = this.store(batch)
      .catch((error: Error) => (this.failure ??= error))
      .then(() => (this.running = undefined))
      .then(() => {});
  }

  private async store(batch: Entry[]): Promise<void> {
    const { nx, signal } = this.options;
    const settled: BulkWriteOptions['settled'] = (...outcome) => {
      if (!this.closed) this.options.settled(...outcome);
    };
    // One row a key: of several sets the last, of several adds the first.
    const rows = new Map<ByteString, Entry>();
    for (const entry of batch) if (!nx || !rows.has(entry.key)) rows.set(entry.key, entry);
    const outcomes: Outcomes = new Map();
    await this.upsert([...rows.values()], outcomes, signal);
    for (const entry of batch) {
      const { outcome, reason } = outcomes.get(entry.key)!;
      const first = !nx || rows.get(entry.key) === entry;
      settled(entry, first || outcome === 'failed' ? outcome : 'skipped', reason);
    }
  }

  /** Halves a batch that PostgreSQL finds at fault, until the rows at fault are alone. */
  private async upsert(rows: Entry[], outcomes: Outcomes, signal: AbortSignal): Promise<void> {
    try {
      let present: BulkWriteOutcome = 'skipped';
      const written = await this.connection.run((client, repeated) => {
        if (repeated) present = 'unclear';
        return this.insert(client, rows);
      }, signal);
      for (const { key } of rows)
        outcomes.set(key, { outcome: written === undefined || written.has(key) ? 'written' : present });
    } catch (error) {
      if (!isRowsFault(error)) throw error;
      if (rows.length === 1) {
        outcomes.set(rows[0]!.key, {
          outcome: 'failed',
          reason: `PostgreSQL refused it: ${errorMessage(error)}`,
        });
        return;
      }
      const middle = rows.length >> 1;
      await this.upsert(rows.slice(0, middle), outcomes, signal);
      await this.upsert(rows.slice(middle), outcomes, signal);
    }
  }

  /** @returns the keys written, or undefined when that is all of them. */
  private async insert(client: PostgresClient, rows: Entry[]): Promise<Set<ByteString> | undefined> {
    const { nx } = this.options;
    if (!this.created) {
      await this.table.create(client);
      this.created = true;
    }
    // Sorted, so that two writers cannot wait for each other's rows.
    const sql = `
      INSERT INTO ${this.table.sql} AS old (key, value, expires_at)
      SELECT new.key, new.value, CASE WHEN new.ttl > 0 THEN now() + new.ttl * interval '1 millisecond' END
      FROM unnest($1::text[], $2::bytea[], $3::float8[]) AS new (key, value, ttl)
      ORDER BY new.key COLLATE "C"
      ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
      ${nx ? 'WHERE old.expires_at <= now() RETURNING key' : ''}`;
    const { rows: returned } = await client.query<{ key: string }>(
      sql,
      [
        fromBytes(textArray(rows.map((row) => row.key))),
        byteaArray(rows.map((row) => row.value as ByteString)),
        `{${rows.map((row) => row.ttlMs).join(',')}}`,
      ],
      { columns: nx ? ['key'] : [] },
    );
    return nx ? new Set(returned.map(({ key }) => bytesOf(Buffer.from(key, 'utf8')))) : undefined;
  }
}

/** Why a key cannot be a PostgreSQL text, if it cannot. */
export function keyProblem(key: ByteString): string | undefined {
  if (key.includes('\0')) return 'the key holds a NUL byte';
  return isUtf8(Buffer.from(key, 'latin1')) ? undefined : 'the key is no UTF-8 text';
}

/** An array in PostgreSQL's text form; much faster than a driver's element by element. */
export function textArray(items: readonly ByteString[]): ByteString {
  return `{${items.map(quoted).join(',')}}` as ByteString;
}

function quoted(item: ByteString): string {
  return `"${/["\\]/.test(item) ? item.replace(/["\\]/g, '\\$&') : item}"`;
}

function byteaArray(values: readonly ByteString[]): string {
  return `{${values.map((value) => `"\\\\x${Buffer.from(value, 'latin1').toString('hex')}"`).join(',')}}`;
}

/** Bad data (22), or over a limit such as that of an index row (54). */
function isRowsFault(error: unknown): boolean {
  return /^(22|23|54)/.test(systemCode(error) ?? '');
}
