import type { Dialer } from '../dialer.js';
import { safeMethods } from '../job.js';
import type { Failure } from '../socket-failure.js';
import type { Exchange, Transport, TransportOptions } from '../transport.js';
import { Waiting } from '../waiting.js';
import { Session, type Under } from './session.js';

/**
 * HTTP/2 to one target: one session with as many streams as the server takes, and another one, up to the maximum of connections,
 * when all are full. What the server has not processed, by its own word (RFC 9113, 6.8 and 8.7), is sent once more.
 */
export class Http2Pool implements Transport {
  mostConnections = 0;
  resent = 0;
  readonly dialer: Dialer;
  readonly #scheme: string;
  readonly #options: TransportOptions;
  readonly #sessions = new Set<Session>();
  readonly #waiting = new Waiting();
  #again: Under[] = [];
  #isEnded = false;

  /** @param scheme `http` or `https` */
  constructor(dialer: Dialer, scheme: string, options: TransportOptions) {
    this.dialer = dialer;
    this.#scheme = scheme;
    this.#options = options;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  get waiting(): number {
    return this.#waiting.count;
  }

  send(exchange: Exchange): void {
    this.#waiting.add(exchange);
    this.#sendWhatWaits();
  }

  drop(): void {
    this.#waiting.clear();
  }

  sweep(now: number): void {
    for (const session of this.#sessions) session.sweep(now);
    const late = this.#again.filter(({ deadline }) => deadline <= now);
    this.#again = this.#again.filter(({ deadline }) => deadline > now);
    for (const { exchange } of late)
      exchange.failed(
        this.dialer.explain({ kind: 'timeout', reason: 'there was no whole answer in time' }),
        now,
      );
  }

  close(now: number): void {
    this.#isEnded = true;
    this.drop();
    const left = [...this.#again, ...[...this.#sessions].flatMap((session) => [...session.underWay])];
    for (const session of this.#sessions) session.destroy();
    for (const { exchange } of left) exchange.abandoned(now);
  }

  #sendWhatWaits(): void {
    for (const session of this.#sessions) while (session.free > 0 && this.#count > 0) this.#sendNext(session);
    const isOpening = [...this.#sessions].some(({ isOpen }) => !isOpen);
    const { maxConnections } = this.#options;
    if (this.#count > 0 && !isOpening && this.#sessions.size < maxConnections && !this.#isEnded) this.#open();
  }

  get #count(): number {
    return this.#again.length + this.#waiting.count;
  }

  #sendNext(session: Session): void {
    const again = this.#again.pop();
    if (again) return session.send(again);
    const exchange = this.#waiting.take()!;
    const now = performance.now();
    exchange.sent(now);
    session.send({ exchange, deadline: now + this.#options.timeoutMs, isSecond: false });
  }

  #open(): void {
    const deadline = performance.now() + this.#options.connectTimeoutMs;
    const session = new Session(this.dialer, this.#scheme, deadline, {
      opened: () => this.#sendWhatWaits(),
      answered: (_, exchange, answer) => {
        exchange.answered(answer, performance.now());
        this.#sendWhatWaits();
      },
      refused: (_, under) =>
        this.#sendAgain(under, { kind: 'refused-stream', reason: 'it refused the stream, twice' }),
      failed: (_, under, failure, isUntouched) => {
        const isStale = isUntouched && (failure.kind === 'closed' || failure.kind === 'reset');
        if (isStale && safeMethods.has(under.exchange.request.method)) this.#sendAgain(under, failure);
        else this.#fail(under.exchange, failure);
      },
      closing: () => this.#sendWhatWaits(),
      closed: (closed, failure) => this.#closed(closed, failure),
    });
    this.#sessions.add(session);
    this.mostConnections = Math.max(this.mostConnections, this.#sessions.size);
  }

  #sendAgain(under: Under, failure: Failure): void {
    if (under.isSecond) return this.#fail(under.exchange, failure);
    this.resent++;
    this.#again.push({ ...under, isSecond: true });
    this.#sendWhatWaits();
  }

  #closed(session: Session, failure: Failure): void {
    this.#sessions.delete(session);
    // The request for which it was opened fails with it.
    if (!session.isOpen) {
      const exchange = this.#again.pop()?.exchange ?? this.#waiting.take();
      if (exchange) this.#fail(exchange, failure);
    }
    this.#sendWhatWaits();
  }

  #fail(exchange: Exchange, failure: Failure): void {
    exchange.failed(this.dialer.explain(failure), performance.now());
    this.#sendWhatWaits();
  }
}
