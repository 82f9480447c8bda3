import type { Dialer } from '../dialer.js';
import { safeMethods } from '../job.js';
import type { Failure } from '../socket-failure.js';
import type { Exchange, Transport, TransportOptions } from '../transport.js';
import { Waiting } from '../waiting.js';
import { Connection } from './connection.js';

interface SentBefore {
  readonly exchange: Exchange;
  /** Of its first send. */
  readonly deadline: number;
}

const timeout: Failure = { kind: 'timeout', reason: 'there was no whole answer in time' };

/** Of what is read at once. */
const bufferBytes = 64 * 1024;

/** Kept-alive HTTP/1.1 connections to one target, each with one request at a time. */
export class Http1Pool implements Transport {
  mostConnections = 0;
  resent = 0;
  readonly dialer: Dialer;
  readonly #options: TransportOptions;
  readonly #connections = new Set<Connection>();
  readonly #idle: Connection[] = [];
  /** What met a closed connection: sent before, and the first to be sent. */
  #again: SentBefore[] = [];
  /** Without a connection. */
  readonly #waiting = new Waiting();
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #opening = 0;
  #isClosed = false;

  constructor(dialer: Dialer, options: TransportOptions) {
    this.dialer = dialer;
    this.#options = options;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get waiting(): number {
    return this.#waiting.count;
  }

  send(exchange: Exchange): void {
    const connection = this.#idle.pop();
    if (connection) return this.#write(connection, exchange);
    this.#waiting.add(exchange);
    this.#openWhatIsNeeded();
  }

  drop(): void {
    this.#waiting.clear();
  }

  sweep(now: number): void {
    for (const connection of this.#connections) if (connection.deadline <= now) connection.giveUp();
    const late = this.#again.filter(({ deadline }) => deadline <= now);
    if (late.length === 0) return;
    this.#again = this.#again.filter(({ deadline }) => deadline > now);
    for (const { exchange } of late) exchange.failed(this.dialer.explain(timeout), now);
  }

  close(now: number): void {
    this.#isClosed = true;
    this.drop();
    for (const connection of this.#connections) {
      connection.close();
      connection.exchange?.abandoned(now);
    }
    for (const { exchange } of this.#again) exchange.abandoned(now);
  }

  get #needed(): number {
    return this.#again.length + this.#waiting.count;
  }

  #openWhatIsNeeded(): void {
    while (
      this.#opening < this.#needed &&
      this.#connections.size < this.#options.maxConnections &&
      !this.#isClosed
    )
      this.#open();
  }

  #open(): void {
    this.#opening++;
    const deadline = performance.now() + this.#options.connectTimeoutMs;
    const connection = new Connection(this.dialer, deadline, this.#buffer, {
      opened: (opened) => {
        this.#opening--;
        opened.deadline = Infinity;
        this.#free(opened);
      },
      answered: (answering) => this.#answered(answering),
      failed: (failing, failure) => this.#failed(failing, failure),
    });
    this.#connections.add(connection);
    this.mostConnections = Math.max(this.mostConnections, this.#connections.size);
  }

  /** Gives a free connection its next request. */
  #free(connection: Connection): void {
    const again = this.#again.pop();
    if (again) return connection.send(again.exchange, again.deadline);
    const next = this.#waiting.take();
    if (next) this.#write(connection, next);
    else this.#idle.push(connection);
  }

  #write(connection: Connection, exchange: Exchange): void {
    const now = performance.now();
    exchange.sent(now);
    connection.send(exchange, now + this.#options.timeoutMs);
  }

  #answered(connection: Connection): void {
    const exchange = connection.exchange!;
    connection.exchange = undefined;
    connection.deadline = Infinity;
    if (connection.closed) this.#forget(connection);
    // The exchange's next request takes the connection at once, where nothing waits for it. What does is given it when the
    // answer has been read.
    const isAwaited = this.#needed > 0;
    if (!connection.closed && !isAwaited) this.#idle.push(connection);
    exchange.answered(connection.parser, performance.now());
    if (connection.closed) this.#openWhatIsNeeded();
    else if (isAwaited) this.#free(connection);
  }

  #failed(connection: Connection, failure: Failure): void {
    const { exchange } = connection;
    connection.exchange = undefined;
    this.#forget(connection);
    if (exchange) {
      const { kind } = failure;
      const stale = connection.served > 0 && !connection.answering && (kind === 'closed' || kind === 'reset');
      if (stale && safeMethods.has(exchange.request.method)) {
        this.resent++;
        this.#again.push({ exchange, deadline: connection.deadline });
      } else exchange.failed(this.dialer.explain(failure), performance.now());
    } else if (!connection.connected) {
      this.#opening--;
      // The request for which it was opened fails with it.
      (this.#again.pop()?.exchange ?? this.#waiting.take())?.failed(
        this.dialer.explain(failure),
        performance.now(),
      );
    }
    this.#openWhatIsNeeded();
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    const place = this.#idle.indexOf(connection);
    if (place >= 0) this.#idle.splice(place, 1);
  }
}
