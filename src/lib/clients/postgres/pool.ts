import { setMaxListeners } from 'node:events';
import type { ClientBase, ClientConfig, Pool, PoolClient } from 'pg';

import { abortable } from '../../core/abortable.js';
import { errorMessage, ServiceUnavailable } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import { clientOptions, type PostgresClient, startSession } from '../postgres.js';
import type { PostgresSettings, Timeouts } from '../settings.js';
import { explainPostgresError } from './errors.js';
import { postgresTarget, type PostgresTarget } from './target.js';
import { destroyConnection, settledWithin } from './wire.js';

const endGraceMs = 1000;

interface Opened {
  pool: Pool;
  target: PostgresTarget;
  sessions: WeakMap<ClientBase, PostgresClient>;
}

/** A few connections that are opened when they are needed, each doing one piece of work at a time: `pg.Pool`. */
export class PostgresPool {
  #opened: Promise<Opened> | undefined;
  readonly #closing = new AbortController();
  readonly #settings: PostgresSettings;
  readonly #timeouts: Timeouts;
  readonly #size: number;

  constructor(settings: PostgresSettings, timeouts: Timeouts, size = 8) {
    this.#settings = settings;
    this.#timeouts = timeouts;
    this.#size = size;
    // Every statement listens.
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * Waits for a connection no longer than the request time-out. The work is not repeated when the connection is lost:
   * whether it was carried out is not known then.
   * @throws ServiceUnavailable, ServiceRefused, or an error of PostgreSQL with its SQLSTATE.
   */
  async run<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    const opened = await this.#opened;
    const client = await this.#take(opened);
    let lost = false;
    try {
      return await work(opened.sessions.get(client)!);
    } catch (error) {
      lost = error instanceof ServiceUnavailable || signal.aborted;
      throw error;
    } finally {
      if (lost) {
        discard(client);
        dropIdle(opened.pool);
      } else client.release();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new ServiceUnavailable('the cache is closed', { code: 'CLOSED' }));
    const opened = await this.#opened?.catch(() => undefined);
    if (opened && !opened.pool.ending) await settledWithin(opened.pool.end(), endGraceMs);
  }

  async #open(): Promise<Opened> {
    const target = await postgresTarget(this.#settings);
    const { default: pg } = await import('pg');
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const timeouts = this.#timeouts;
    const sessions = new WeakMap<ClientBase, PostgresClient>();
    /** The pool's time-out is for waiting; connecting has its own, and ends when the pool is closed. */
    class Client extends pg.Client {
      constructor(config?: ClientConfig) {
        super({ ...config, connectionTimeoutMillis: timeouts.connectTimeoutMs });
        const abandon = () => destroyConnection(this);
        signal.addEventListener('abort', abandon, { once: true });
        const settled = () => signal.removeEventListener('abort', abandon);
        this.once('connect', settled).once('end', settled);
        // A connection that is lost while it is used fails that use.
        this.on('error', () => {});
      }
    }
    const pool = new pg.Pool({
      ...clientOptions(target, timeouts),
      Client,
      max: this.#size,
      connectionTimeoutMillis: timeouts.requestTimeoutMs,
      // The pool waits for the promise, which its types do not say.
      // eslint-disable-next-line @typescript-eslint/no-misused-promises
      onConnect: async (client) => {
        sessions.set(client, await startSession(client, target, timeouts, signal));
      },
    });
    // An idle connection was lost: the others may be lost as well.
    pool.on('error', () => dropIdle(pool));
    return { pool, target, sessions };
  }

  async #take({ pool, target }: Opened): Promise<PoolClient> {
    const { signal } = this.#closing;
    const connecting = pool.connect();
    try {
      return await abortable(connecting, signal);
    } catch (error) {
      // When the pool is closed, a connection may come all the same.
      connecting.then(discard, () => {});
      signal.throwIfAborted();
      if (errorMessage(error) === 'timeout exceeded when trying to connect')
        throw busy(this.#timeouts.requestTimeoutMs);
      throw explainPostgresError(error, target);
    }
  }
}

function discard(client: PoolClient): void {
  destroyConnection(client);
  client.release(true);
}

/** The others may be lost as well, and are opened again when they are needed. */
function dropIdle(pool: Pool): void {
  if (pool.ending) return;
  for (let count = pool.idleCount; count > 0; count--) pool.connect().then(discard, () => {});
}

function busy(ms: number): ServiceUnavailable {
  return new ServiceUnavailable(
    `every connection to PostgreSQL was busy for ${formatDuration(ms)}, and nothing was sent`,
    { hint: 'Does PostgreSQL answer? Are statements waiting for locks?' },
  );
}
