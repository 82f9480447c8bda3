import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable, systemCode } from '../../core/errors.js';
import { openPostgres, type PostgresClient } from '../../clients/postgres.js';
import type { PostgresSettings, Timeouts } from '../../clients/settings.js';

const firstPauseMs = 50;
const longestPauseMs = 1000;
/** Serialization failure and deadlock: the same statement can succeed now. */
const transient = new Set(['40001', '40P01']);

/** @param repeated the work was begun before, and what became of it is not known. */
export type Work<T> = (client: PostgresClient, repeated: boolean) => Promise<T>;

/**
 * One connection, one piece of work at a time, that is opened again when it was lost. Work must bear being repeated:
 * whether it was carried out before the connection went is not known.
 */
export class DatabaseConnection {
  private client: PostgresClient | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private readonly closing = new AbortController();

  constructor(
    private readonly settings: PostgresSettings,
    private readonly timeouts: Timeouts,
    private readonly clock: Clock,
  ) {}

  /** @throws ServiceUnavailable, ServiceRefused, or the signal's reason. */
  async open(signal: AbortSignal): Promise<PostgresClient> {
    const stop = (): void => this.closing.abort(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener('abort', stop, { once: true });
    try {
      return (this.client = await openPostgres(this.settings, this.timeouts, this.closing.signal));
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /**
   * Repeats the work on a new connection for up to the request time-out after the old one was lost. An abort ends
   * only the waiting for a server that is away; work that should end with it passes the signal on to its queries.
   * @throws ServiceUnavailable, ServiceRefused, the signal's reason, or an error of PostgreSQL with its SQLSTATE.
   */
  run<T>(work: Work<T>, signal: AbortSignal): Promise<T> {
    const result = this.last.then(() => this.attempt(work, signal));
    this.last = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('the connection to the database is closed'));
    await this.client?.close();
    this.client = undefined;
  }

  private async attempt<T>(work: Work<T>, signal: AbortSignal): Promise<T> {
    let lostAt: number | undefined;
    let repeated = false;
    for (let pause = firstPauseMs; ; pause = Math.min(2 * pause, longestPauseMs)) {
      const startedAt = this.clock.monotonic();
      try {
        this.client ??= await openPostgres(this.settings, this.timeouts, this.closing.signal);
        return await work(this.client, repeated);
      } catch (error) {
        const lost = error instanceof ServiceUnavailable;
        repeated ||= lost && this.client !== undefined;
        if (this.closing.signal.aborted || !(lost || transient.has(systemCode(error) ?? ''))) throw error;
        const now = this.clock.monotonic();
        lostAt ??= now;
        // A server that is there, and too slow, has had its time already.
        const patience = this.timeouts.requestTimeoutMs;
        if (now - lostAt + pause > patience || now - startedAt >= patience) throw error;
        if (lost) await this.discard();
      }
      await this.clock.sleep(pause, signal);
    }
  }

  private async discard(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.close().catch(() => {});
  }
}
