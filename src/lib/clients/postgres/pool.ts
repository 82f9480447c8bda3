import { setMaxListeners } from 'node:events';

import { openPostgres, type PostgresClient } from '../postgres.js';
import type { PostgresSettings, Timeouts } from '../settings.js';
import { withTimeout } from '../../core/abort.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';

/** A few connections that are opened when they are needed, each doing one piece of work at a time. */
export class PostgresPool {
  private readonly idle: PostgresClient[] = [];
  /** In the order they came. */
  private readonly waiting = new Set<(client: PostgresClient | undefined) => void>();
  private open = 0;
  private readonly closing = new AbortController();

  constructor(
    private readonly settings: PostgresSettings,
    private readonly timeouts: Timeouts,
    private readonly size = 8,
  ) {
    // Every statement listens.
    setMaxListeners(0, this.closing.signal);
  }

  /**
   * Waits for a connection no longer than the request time-out. The work is not repeated when the connection is lost:
   * whether it was carried out is not known then.
   * @throws ServiceUnavailable, ServiceRefused, or an error of PostgreSQL with its SQLSTATE.
   */
  async run<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    this.closing.signal.throwIfAborted();
    const client = await this.take();
    let lost = false;
    try {
      return await work(client);
    } catch (error) {
      lost = error instanceof ServiceUnavailable || this.closing.signal.aborted;
      throw error;
    } finally {
      if (lost) this.discard(client);
      else this.give(client);
    }
  }

  async close(): Promise<void> {
    this.closing.abort(new ServiceUnavailable('the cache is closed', { code: 'CLOSED' }));
    await Promise.all(this.idle.splice(0).map((client) => client.close()));
  }

  private async take(): Promise<PostgresClient> {
    let client = this.idle.pop();
    if (!client && this.open >= this.size) client = await this.turn();
    this.closing.signal.throwIfAborted();
    if (client) return client;
    this.open++;
    try {
      return await openPostgres(this.settings, this.timeouts, this.closing.signal);
    } catch (error) {
      this.freed();
      throw error;
    }
  }

  /** A connection, or leave to open one. */
  private turn(): Promise<PostgresClient | undefined> {
    const { requestTimeoutMs } = this.timeouts;
    const wait = (signal: AbortSignal) =>
      new Promise<PostgresClient | undefined>((resolve, reject) => {
        this.waiting.add(resolve);
        const leave = () => {
          this.waiting.delete(resolve);
          const { aborted, reason } = this.closing.signal;
          reject(aborted ? (reason as Error) : busy(requestTimeoutMs));
        };
        signal.addEventListener('abort', leave, { once: true });
      });
    return withTimeout(this.closing.signal, requestTimeoutMs, wait);
  }

  private give(client: PostgresClient): void {
    if (this.closing.signal.aborted) {
      this.discard(client);
      return;
    }
    if (!this.wake(client)) this.idle.push(client);
  }

  private discard(client: PostgresClient): void {
    // The others may be lost as well, and are opened anew when they are needed.
    const all = [client, ...this.idle.splice(0)];
    for (const one of all) {
      void one.close().catch(() => {});
      this.freed();
    }
  }

  private freed(): void {
    this.open--;
    this.wake(undefined);
  }

  private wake(client: PostgresClient | undefined): boolean {
    const [first] = this.waiting;
    if (!first) return false;
    this.waiting.delete(first);
    first(client);
    return true;
  }
}

function busy(ms: number): ServiceUnavailable {
  return new ServiceUnavailable(
    `every connection to PostgreSQL was busy for ${formatDuration(ms)}, and nothing was sent`,
    { hint: 'Does PostgreSQL answer? Are statements waiting for locks?' },
  );
}
