import { abortable } from '../../core/abortable.js';
import { bytesOf, fromBytes, toBytes, type ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { UserError } from '../../core/errors.js';
import type { PostgresClient } from '../../clients/postgres.js';
import type { PostgresSettings, Timeouts } from '../../clients/settings.js';
import { DatabaseConnection } from './connection.js';
import { CacheTable, unlessMissing } from './table.js';
import { DatabaseWriter, keyProblem, textArray } from './writer.js';
import { compileGlob, literalPrefix } from '../glob.js';
import type {
  BulkLevel,
  KeyBatch,
  KeyInfo,
  BulkRemover,
  BulkWriter,
  NodeStatus,
  BulkRemoveOptions,
  BulkRemoveOutcome,
  ScanOptions,
  StoredValue,
  BulkWriteOptions,
} from '../bulk-level.js';
import { Reservoir } from '../reservoir.js';

export interface DatabaseLevelOptions {
  name: string;
  /** `table` or `schema.table`; created by the first write. */
  table: string;
  settings: PostgresSettings;
  timeouts: Timeouts;
  clock: Clock;
}

const rowsPerPage = 5000;
const keysPerStatement = 2000;
const live = '(expires_at IS NULL OR expires_at > now())';
const ttlMs = `CASE WHEN expires_at IS NULL THEN -1 ELSE ceil(extract(epoch FROM expires_at - now()) * 1000) END::float8`;

/** @throws ServiceUnavailable, ServiceRefused, UserError. */
export async function openDatabaseBulkLevel(
  options: DatabaseLevelOptions,
  signal: AbortSignal,
): Promise<BulkLevel> {
  const table = new CacheTable(options.table);
  const connection = new DatabaseConnection(options.settings, options.timeouts, options.clock);
  const { target } = await connection.open(signal);
  return new DatabaseBulkLevel(options.name, target, table, connection);
}

/** A table of PostgreSQL. Rows whose time is over are as good as gone, by the server's clock. */
class DatabaseBulkLevel implements BulkLevel {
  readonly type = 'database';
  readonly hashes = false;

  constructor(
    readonly name: string,
    readonly target: string,
    private readonly table: CacheTable,
    private readonly connection: DatabaseConnection,
  ) {}

  get address(): string {
    return this.target;
  }

  async nodes(signal: AbortSignal): Promise<NodeStatus[]> {
    const sql = `SELECT current_setting('server_version') AS version, pg_total_relation_size($1::regclass)::float8 AS bytes,
      (SELECT count(*) FROM ${this.table.sql} WHERE ${live})::float8 AS keys`;
    type Status = { version: string; bytes: number; keys: number };
    const [status] = await this.rows<Status>(sql, ['version', 'bytes', 'keys'], [this.table.sql], signal);
    return [
      {
        node: this.table.name,
        keys: status?.keys ?? 0,
        memoryBytes: status?.bytes ?? 0,
        ...(status === undefined ? {} : { version: status.version }),
      },
    ];
  }

  /** Triggers that run for deleted rows. */
  async listeners(signal: AbortSignal): Promise<string[]> {
    const sql = `SELECT tgname::text AS name FROM pg_trigger
      WHERE tgrelid = to_regclass($1) AND NOT tgisinternal AND tgenabled <> 'D' AND (tgtype & 8) <> 0`;
    const triggers = await this.rows<{ name: string }>(sql, ['name'], [this.table.sql], signal);
    return triggers.map(({ name }) => `trigger ${name} of ${this.table.name} runs when rows are deleted`);
  }

  writer(options: BulkWriteOptions): Promise<BulkWriter> {
    return Promise.resolve(new DatabaseWriter(this.connection, this.table, options));
  }

  /** Deletes rows whose time is over, too, and counts them as gone already. */
  remover({ signal, settled }: BulkRemoveOptions): Promise<BulkRemover> {
    const sql = `DELETE FROM ${this.table.sql} WHERE key = ANY ($1::text[]) RETURNING key, ${live} AS live`;
    const remove = async (keys: ByteString[]): Promise<void> => {
      for (const some of chunks(keys)) {
        signal.throwIfAborted();
        const parameter = keyArray(some);
        let absent: BulkRemoveOutcome = 'gone';
        const answer = this.connection.run((client, repeated) => {
          if (repeated) absent = 'unclear';
          return client.query<{ key: string; live: boolean }>(sql, [parameter], { columns: ['key', 'live'] });
        }, signal);
        const { rows } = await unlessMissing(answer, { rows: [], rowCount: 0, columns: [] });
        const found = new Map(rows.map((row) => [toBytes(row.key), row.live]));
        for (const key of some) {
          const live = found.get(key);
          settled(key, live === undefined ? absent : live ? 'removed' : 'gone');
        }
      }
    };
    return Promise.resolve({ remove, drain: () => Promise.resolve(), close: () => Promise.resolve() });
  }

  /** Pages in the order of the keys, so that a lost connection costs one page. A limit is kept by a uniform sample. */
  async *scan({ signal, pattern, limit, details }: ScanOptions): AsyncGenerator<KeyBatch> {
    if (details.idle)
      throw new UserError(`a table keeps no idle times, and level '${this.name}' is one`, {
        hint: 'Use --pattern or --no-ttl.',
      });
    const node = this.table.name;
    const matches = pattern === undefined ? () => true : compileGlob(pattern);
    const sample = limit === undefined ? undefined : new Reservoir<KeyInfo>(limit);
    const ttl = details.ttl ? `, ${ttlMs} AS ttl` : '';
    const bytes = details.size ? ', 28 + pg_column_size(key) + pg_column_size(value) AS bytes' : '';
    // A prefix cut in the middle of a character is no text (U+FFFD marks it), nor is NUL.
    const prefix =
      pattern === undefined ? '' : fromBytes(literalPrefix(pattern)).replace(/[\uFFFD\0].*$/su, '');
    const sql = (after: boolean): string => `
      SELECT key ${ttl} ${bytes} FROM ${this.table.sql}
      WHERE ${live} AND starts_with(key, $1) ${after ? 'AND key > $2' : ''} ORDER BY key LIMIT ${rowsPerPage}`;
    let last: string | undefined;
    for (;;) {
      const parameters = last === undefined ? [prefix] : [prefix, last];
      const rows = await this.rows<{ key: string; ttl?: number; bytes?: number }>(
        sql(last !== undefined),
        ['key', ...(details.ttl ? ['ttl'] : []), ...(details.size ? ['bytes'] : [])],
        parameters,
        signal,
      );
      const keys: KeyInfo[] = [];
      for (const row of rows) {
        const key = toBytes(row.key);
        if (!matches(key)) continue;
        const info: KeyInfo = { key, type: 'row', bytes: row.bytes };
        if (details.ttl) info.ttlMs = row.ttl;
        if (sample) sample.offer(info);
        else keys.push(info);
      }
      if (keys.length > 0) yield { node, keys };
      if (rows.length < rowsPerPage) break;
      last = rows.at(-1)!.key;
    }
    if (sample && sample.items.length > 0) yield { node, keys: sample.items };
  }

  async read(keys: ByteString[], signal: AbortSignal): Promise<(StoredValue | null)[]> {
    const sql = `SELECT key, value FROM ${this.table.sql} WHERE key = ANY ($1::text[]) AND ${live}`;
    const values = new Map<ByteString, ByteString>();
    for (const some of chunks(keys)) {
      const rows = await this.rows<{ key: string; value: Buffer }>(
        sql,
        ['key', 'value'],
        [keyArray(some)],
        signal,
      );
      for (const row of rows) values.set(toBytes(row.key), bytesOf(row.value));
    }
    return keys.map((key) => values.get(key) ?? null);
  }

  async ttl(key: ByteString, signal: AbortSignal): Promise<number> {
    const sql = `SELECT ${ttlMs} AS ttl FROM ${this.table.sql} WHERE key = ANY ($1::text[]) AND ${live}`;
    const [row] = await this.rows<{ ttl: number }>(sql, ['ttl'], [keyArray([key])], signal);
    return row?.ttl ?? -2;
  }

  /** Bytes of the values. */
  async elements(keys: KeyInfo[], signal: AbortSignal): Promise<(number | undefined)[]> {
    const sql = `SELECT key, octet_length(value) AS length FROM ${this.table.sql} WHERE key = ANY ($1::text[])`;
    const lengths = new Map<ByteString, number>();
    for (const some of chunks(keys.map(({ key }) => key))) {
      const rows = await this.rows<{ key: string; length: number }>(
        sql,
        ['key', 'length'],
        [keyArray(some)],
        signal,
      );
      for (const row of rows) lengths.set(toBytes(row.key), row.length);
    }
    return keys.map(({ key }) => lengths.get(key));
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  /** Of a statement that only reads; none when the table is not there yet. */
  private async rows<R extends Record<string, unknown>>(
    sql: string,
    columns: string[],
    parameters: unknown[],
    signal: AbortSignal,
  ): Promise<R[]> {
    const work = async (client: PostgresClient): Promise<R[]> =>
      (await client.query<R>(sql, parameters, { signal, columns })).rows;
    return abortable(unlessMissing(this.connection.run(work, signal), []), signal);
  }
}

/** Keys that PostgreSQL cannot hold are in no row. */
function keyArray(keys: ByteString[]): string {
  return fromBytes(textArray(keys.filter((key) => keyProblem(key) === undefined)));
}

function chunks(keys: ByteString[]): ByteString[][] {
  const count = Math.ceil(keys.length / keysPerStatement);
  return Array.from({ length: count }, (_, i) =>
    keys.slice(i * keysPerStatement, (i + 1) * keysPerStatement),
  );
}
