import { setMaxListeners } from 'node:events';

import { openPostgres, type PostgresClient } from '../../clients/postgres.js';
import type { PostgresSettings, Timeouts } from '../../clients/settings.js';
import { ServiceUnavailable } from '../../core/errors.js';

/** A few connections that are opened when they are needed, each doing one piece of work at a time. */
export class PostgresPool {
  private readonly idle: PostgresClient[] = [];
  private readonly waiting: ((client: PostgresClient | undefined) => void)[] = [];
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
   * The work is not repeated when the connection is lost: whether it was carried out is not known then.
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
    for (const wake of this.waiting.splice(0)) wake(undefined);
    await Promise.all(this.idle.splice(0).map((client) => client.close()));
  }

  private async take(): Promise<PostgresClient> {
    let client = this.idle.pop();
    if (!client && this.open >= this.size)
      client = await new Promise<PostgresClient | undefined>((resolve) => this.waiting.push(resolve));
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

  private give(client: PostgresClient): void {
    if (this.closing.signal.aborted) {
      this.discard(client);
      return;
    }
    const wake = this.waiting.shift();
    if (wake) wake(client);
    else this.idle.push(client);
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
    this.waiting.shift()?.(undefined);
  }
}
