import type { Target } from '../job.js';
import type { FailureKind } from '../tally.js';
import type { Exchange, Transport, TransportOptions } from '../transport.js';
import { Connection } from './connection.js';

/** Of these, one that a server may have taken may be sent again (RFC 9110, 9.2.2). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Of what is read at once. */
const bufferBytes = 64 * 1024;

/** Kept-alive HTTP/1.1 connections to one target, each with one request at a time. */
export class Http1Pool implements Transport {
  mostConnections = 0;
  resent = 0;
  readonly #target: Target;
  readonly #options: TransportOptions;
  readonly #connections = new Set<Connection>();
  readonly #idle: Connection[] = [];
  /** What met a closed connection: sent before, and the first to be sent. */
  readonly #again: Exchange[] = [];
  /** Without a connection; taken from `#firstWaiting` on. */
  #waiting: Exchange[] = [];
  #firstWaiting = 0;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #opening = 0;
  #isClosed = false;

  constructor(target: Target, options: TransportOptions) {
    this.#target = target;
    this.#options = options;
  }

  get connections(): number {
    return this.#connections.size;
  }

  send(exchange: Exchange): void {
    const connection = this.#idle.pop();
    if (connection) return this.#write(connection, exchange, false);
    this.#waiting.push(exchange);
    this.#openWhatIsNeeded();
  }

  drop(): void {
    this.#waiting = [];
    this.#firstWaiting = 0;
  }

  sweep(now: number): void {
    for (const connection of this.#connections) if (connection.deadline <= now) connection.giveUp();
  }

  close(now: number): void {
    this.#isClosed = true;
    this.drop();
    for (const connection of this.#connections) {
      connection.close();
      connection.exchange?.abandoned(now);
    }
    for (const exchange of this.#again) exchange.abandoned(now);
  }

  get #needed(): number {
    return this.#again.length + this.#waiting.length - this.#firstWaiting;
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
    const connection = new Connection(this.#target, undefined, deadline, this.#buffer, {
      opened: (opened) => {
        this.#opening--;
        opened.deadline = Infinity;
        this.#free(opened);
      },
      answered: (answering) => this.#answered(answering),
      failed: (failing, kind) => this.#failed(failing, kind),
    });
    this.#connections.add(connection);
    this.mostConnections = Math.max(this.mostConnections, this.#connections.size);
  }

  /** Gives a free connection its next request. */
  #free(connection: Connection): void {
    const again = this.#again.pop();
    const next = again ?? this.#takeWaiting();
    if (next) this.#write(connection, next, again !== undefined);
    else this.#idle.push(connection);
  }

  #takeWaiting(): Exchange | undefined {
    if (this.#firstWaiting >= this.#waiting.length) return undefined;
    const next = this.#waiting[this.#firstWaiting++];
    if (this.#firstWaiting > 1024 && this.#firstWaiting * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#firstWaiting);
      this.#firstWaiting = 0;
    }
    return next;
  }

  #write(connection: Connection, exchange: Exchange, again: boolean): void {
    const now = performance.now();
    if (!again) exchange.sent(now);
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

  #failed(connection: Connection, kind: FailureKind): void {
    const { exchange } = connection;
    connection.exchange = undefined;
    this.#forget(connection);
    if (exchange) {
      const stale = connection.served > 0 && !connection.answering && (kind === 'closed' || kind === 'reset');
      if (stale && safeMethods.has(exchange.request.method)) {
        this.resent++;
        this.#again.push(exchange);
      } else exchange.failed(kind, performance.now());
    } else if (!connection.connected) {
      this.#opening--;
      // The request for which it was opened fails with it.
      (this.#again.pop() ?? this.#takeWaiting())?.failed(kind, performance.now());
    }
    this.#openWhatIsNeeded();
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    const place = this.#idle.indexOf(connection);
    if (place >= 0) this.#idle.splice(place, 1);
  }
}
