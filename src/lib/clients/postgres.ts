import type { Writable } from 'node:stream';
import type { Client, ClientBase, ClientConfig, QueryResultRow } from 'pg';
import type { CopyStreamQuery, CopyToStreamQuery } from 'pg-copy-streams';
import { UserError } from '../core/errors.js';
import { CopyBlocks, type TakeBlock } from './postgres/copy-blocks.js';
import { explainPostgresError, timedOut } from './postgres/errors.js';
import { GuardedSocket } from './postgres/guarded-socket.js';
import { NotPostgres } from './postgres/message-check.js';
import { postgresTarget, type PostgresTarget } from './postgres/target.js';
import { cancelRequest, CopyReader, destroyConnection, settledWithin } from './postgres/wire.js';
import type { PostgresSettings, Timeouts } from './settings.js';

export interface QueryAnswer<R> {
  rows: R[];
  rowCount: number;
  /** The columns, in order; `type` is the OID, of a domain that of its base type. `modifier` is −1 where there is none. */
  columns: { name: string; type: number; modifier: number }[];
}

export interface CallOptions {
  /** Cancels this one statement; the signal the client was opened with holds for all of them. */
  signal?: AbortSignal;
  /** Those of the answer: one with others answers something else, and the connection is given up. */
  columns?: readonly string[];
  /** Instead of the client's request time-out; 0 waits for ever. Milliseconds. */
  timeoutMs?: number;
}

export interface ReadOnlyOptions {
  /** The server stops each statement after it (milliseconds, 0: never). Default: the client's request time-out. */
  statementTimeoutMs?: number;
  /** All statements see one state of the database: as it is now, or that of a snapshot, whose id is quoted. Default: each its own. */
  snapshot?: 'new' | { readonly id: string };
}

/** One connection: a statement at a time, in the session's time zone UTC. */
export interface PostgresClient {
  /** `host:port/database`. */
  readonly target: string;
  /** Runs one statement; without `params` there may be several, and the last one's answer counts. */
  query<R extends QueryResultRow = QueryResultRow>(
    text: string,
    params?: readonly unknown[],
    options?: CallOptions,
  ): Promise<QueryAnswer<R>>;
  /**
   * The data of `COPY … TO STDOUT`, read only as fast as it is taken. The time-out bounds each wait for more, not
   * the whole: a slow reader is no fault of the server's. Leaving the loop early cancels the statement.
   */
  copyOut(sql: string, options?: CallOptions): AsyncIterable<Buffer>;
  /**
   * Hands the data of `COPY … TO STDOUT` over as it comes over the wire, for bulk readers: blocks of whole CopyData messages,
   * the row in each behind five bytes. Time-out and pace are those of `copyOut`.
   * @throws also what `take` throws, which cancels the statement
   */
  copyBlocks(sql: string, take: TakeBlock, options?: CallOptions): Promise<void>;
  /** Takes the data of `COPY … FROM STDIN`; the stream's errors are those of `query`. */
  copyIn(sql: string): Writable;
  /** Runs `work` in a READ ONLY transaction. */
  readOnly<T>(work: () => Promise<T>, options?: ReadOnlyOptions): Promise<T>;
  /** The same where the work is no function: the transaction lasts until what this resolves to is called. */
  beginReadOnly(options?: ReadOnlyOptions): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** How long a cancelled statement may take to end before the connection is given up. */
const cancelGraceMs = 1000;

const session = `SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET standard_conforming_strings = on`;

/**
 * Connects. Every call rejects with `ServiceUnavailable` (unreachable, gone, too slow), `ServiceRefused` (password,
 * permission, no such database, TLS), the reason of an aborted signal, or else with pg's own error and its SQLSTATE.
 */
export async function openPostgres(
  settings: PostgresSettings,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<PostgresClient> {
  const target = await postgresTarget(settings);
  const { default: pg } = await import('pg');
  signal.throwIfAborted();
  const client = new pg.Client(clientOptions(target, timeouts));
  client.on('error', () => {}); // whoever uses the connection next is told
  const abandon = () => destroyConnection(client);
  signal.addEventListener('abort', abandon, { once: true });
  try {
    await client.connect();
  } catch (error) {
    signal.throwIfAborted();
    destroyConnection(client);
    throw explainPostgresError(error, target);
  } finally {
    signal.removeEventListener('abort', abandon);
  }
  try {
    return await startSession(client, target, timeouts, signal);
  } catch (error) {
    destroyConnection(client);
    throw error;
  }
}

/** How pg connects to the target. */
export function clientOptions(target: PostgresTarget, timeouts: Timeouts): ClientConfig {
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    password: target.password,
    database: target.database,
    options: target.options,
    ssl: target.tls,
    stream: () => new GuardedSocket(target.tls !== false),
    application_name: 'metrify',
    connectionTimeoutMillis: timeouts.connectTimeoutMs,
    keepAlive: true,
  };
}

/** Sets a connection that is open up, as every one of metrify's is. @throws as its calls do. */
export async function startSession(
  client: ClientBase,
  target: PostgresTarget,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<PostgresClient> {
  const { default: copy } = await import('pg-copy-streams');
  const connection = new Connection(client, target, timeouts.requestTimeoutMs, signal, copy.to, copy.from);
  await connection.query(session);
  // From version 14 on, a server whose client has died stops computing its answer.
  await connection.query(`SET client_connection_check_interval = '10s'`).catch((error: unknown) => {
    signal.throwIfAborted();
    if (error instanceof UserError) throw error;
  });
  return connection;
}

class Connection implements PostgresClient {
  readonly target: string;
  /** Inside `readOnly`: the server's own limit, that our time-out must not undercut. */
  #statementTimeoutMs: number | undefined;
  #closed = false;

  constructor(
    private readonly client: ClientBase,
    private readonly server: PostgresTarget,
    private readonly timeoutMs: number,
    private readonly signal: AbortSignal,
    private readonly copyTo: (sql: string) => CopyToStreamQuery,
    private readonly copyFrom: (sql: string) => CopyStreamQuery,
  ) {
    this.target = server.label;
  }

  async query<R extends QueryResultRow>(
    text: string,
    params?: readonly unknown[],
    options: CallOptions = {},
  ): Promise<QueryAnswer<R>> {
    const answer = await this.#bounded(() => this.client.query<R>(text, params && [...params]), options);
    const last = Array.isArray(answer) ? (answer as (typeof answer)[]).at(-1)! : answer;
    const names = last.fields.map(({ name }) => name);
    // Without a command, what came was the end of another answer.
    if (last.command === null || (options.columns && options.columns.join('\0') !== names.join('\0'))) {
      destroyConnection(this.client);
      throw explainPostgresError(new NotPostgres('it answers something else than was asked'), this.server);
    }
    return {
      rows: last.rows,
      rowCount: last.rowCount ?? 0,
      columns: last.fields.map((field) => ({
        name: field.name,
        type: field.dataTypeID,
        modifier: field.dataTypeModifier,
      })),
    };
  }

  async *copyOut(sql: string, options: CallOptions = {}): AsyncGenerator<Buffer> {
    const stream = this.copyTo(sql);
    const reader = new CopyReader(stream);
    this.client.query(stream);
    try {
      for (;;) {
        const chunk = await this.#bounded(
          () => reader.next(),
          options,
          () => reader.drain(),
        );
        if (chunk === undefined) return;
        yield chunk;
      }
    } finally {
      if (!reader.over) await this.#cancel(reader.drain());
    }
  }

  async copyBlocks(sql: string, take: TakeBlock, options: CallOptions = {}): Promise<void> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs();
    const silence = new AbortController();
    const blocks = new CopyBlocks(sql, take);
    const watch = setInterval(
      () => {
        if (!blocks.isTaking && performance.now() - blocks.heardAt > timeoutMs)
          silence.abort(timedOut(this.server));
      },
      Math.max(10, timeoutMs / 10),
    );
    if (timeoutMs === 0) clearInterval(watch);
    const signal = options.signal ? AbortSignal.any([options.signal, silence.signal]) : silence.signal;
    try {
      this.client.query(blocks);
      await this.#bounded(
        () => blocks.done,
        { signal, timeoutMs: 0 },
        () => blocks.over,
      );
    } finally {
      clearInterval(watch);
      blocks.stop();
      if (!blocks.isOver) await this.#cancel(blocks.over);
    }
  }

  copyIn(sql: string): Writable {
    const stream = this.copyFrom(sql) as CopyStreamQuery & { handleError(error: unknown): void };
    const handleError = stream.handleError.bind(stream);
    stream.handleError = (error) => handleError(explainPostgresError(error, this.server));
    return this.client.query(stream);
  }

  async readOnly<T>(work: () => Promise<T>, options: ReadOnlyOptions = {}): Promise<T> {
    const end = await this.beginReadOnly(options);
    try {
      return await work();
    } finally {
      await end();
    }
  }

  async beginReadOnly(options: ReadOnlyOptions = {}): Promise<() => Promise<void>> {
    if (this.#statementTimeoutMs !== undefined) throw new Error('the connection is in a transaction already');
    const limit = options.statementTimeoutMs ?? this.timeoutMs;
    // Set here again, where a pooler in between could have given us another session; quotes and numbers as the parser of
    // --sql and the decoder of COPY expect them.
    this.#statementTimeoutMs = limit;
    const { snapshot } = options;
    const isolation = snapshot === undefined ? '' : 'ISOLATION LEVEL REPEATABLE READ';
    const taken = typeof snapshot === 'object' ? `SET TRANSACTION SNAPSHOT ${snapshot.id};` : '';
    await this.query(
      `BEGIN ${isolation} READ ONLY; ${taken} SET LOCAL statement_timeout = ${Math.ceil(limit)}; SET LOCAL timezone = 'UTC';
       SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL standard_conforming_strings = on; SET LOCAL bytea_output = 'hex';
       SET LOCAL extra_float_digits = 3`,
      undefined,
      { timeoutMs: this.timeoutMs },
    ).catch((error: unknown) => {
      this.#statementTimeoutMs = undefined;
      throw error;
    });
    return async () => {
      this.#statementTimeoutMs = undefined;
      // Nothing was changed, so there is nothing to commit; a lost connection has said so already.
      await this.query('ROLLBACK').catch(() => {});
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const ended = (this.client as Client).end().catch(() => {});
    if (!(await settledWithin(ended, cancelGraceMs))) destroyConnection(this.client);
  }

  /**
   * Waits for `start`'s promise until the time-out or an abort, which cancel what is running. `over` resolves when the
   * statement has ended, where that is more than the promise.
   */
  async #bounded<T>(
    start: () => Promise<T>,
    options: CallOptions,
    over?: () => Promise<unknown>,
  ): Promise<T> {
    const signals = [this.signal, ...(options.signal ? [options.signal] : [])];
    for (const signal of signals) signal.throwIfAborted();
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs();
    const running = start();
    let interrupt!: (reason: unknown) => void;
    const interrupted = new Promise<never>((_, reject) => (interrupt = reject));
    const timer = timeoutMs > 0 ? setTimeout(() => interrupt(timedOut(this.server)), timeoutMs) : undefined;
    const stops = signals.map((signal) => {
      const stop = () => interrupt(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      return () => signal.removeEventListener('abort', stop);
    });
    let finished = false;
    const outcome = running.finally(() => (finished = true));
    try {
      return await Promise.race([outcome, interrupted]);
    } catch (error) {
      if (!finished) await this.#cancel(over ? over() : outcome);
      throw explainPostgresError(error, this.server);
    } finally {
      clearTimeout(timer);
      for (const stop of stops) stop();
    }
  }

  /** The server stops a little before we do, and keeps the connection usable. */
  #timeoutMs(): number {
    const limit = this.#statementTimeoutMs;
    if (limit === undefined) return this.timeoutMs;
    return limit === 0 ? 0 : limit + 250;
  }

  async #cancel(running: Promise<unknown>): Promise<void> {
    const over = Promise.allSettled([cancelRequest(this.client, this.server, cancelGraceMs), running]);
    if (!(await settledWithin(over, cancelGraceMs))) destroyConnection(this.client);
  }
}
