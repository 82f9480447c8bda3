import type { Socket } from 'node:net';

import type { Dialer, Dialing } from '../dialer.js';
import type { PreparedRequest } from '../job.js';
import { type Failure, failureOf } from '../socket-failure.js';
import { traceparentOf } from '../trace-ids.js';
import type { Exchange } from '../transport.js';
import { type Wire, wireOf } from './request-bytes.js';
import { ResponseMalformed } from './response-head.js';
import { BodyTooLarge, ResponseParser } from './response-parser.js';

/** What a connection tells whoever sends over it. */
export interface ConnectionEvents {
  /** It is connected, and free. */
  opened(connection: Connection): void;
  /** The answer of its request is whole. It is free again, or closed. */
  answered(connection: Connection): void;
  /** Its request failed, or there was none, and it is closed. */
  failed(connection: Connection, failure: Failure): void;
}

/** One HTTP/1.1 connection, with one request at a time. Times are on this thread's monotonic clock, in milliseconds. */
export class Connection {
  readonly parser = new ResponseParser();
  exchange: Exchange | undefined;
  /** When it is given up: the request, or connecting. */
  deadline: number;
  connected = false;
  closed = false;
  /** Answers that it has brought. */
  served = 0;
  /** Whether a byte of the request's answer is there. */
  answering = false;
  readonly #events: ConnectionEvents;
  readonly #dialing: Dialing;
  #socket: Socket | undefined;
  /** Users mostly send one request again and again. */
  #request: PreparedRequest | undefined;
  #wire: Wire | undefined;

  /** @param buffer which is read into: all connections of a thread may share one */
  constructor(dialer: Dialer, deadline: number, buffer: Buffer, events: ConnectionEvents) {
    this.#events = events;
    this.deadline = deadline;
    const callback = (length: number): boolean => {
      this.#take(buffer, length);
      return true;
    };
    this.#dialing = dialer.dial(
      'http/1.1',
      { buffer, callback },
      (socket) => this.#opened(socket),
      (failure) => this.#fail(failure),
    );
  }

  send(exchange: Exchange, deadline: number): void {
    const { request, traceId } = exchange;
    this.exchange = exchange;
    this.deadline = deadline;
    this.answering = false;
    this.parser.expect(request.method, request.readsBody);
    if (request !== this.#request) {
      this.#request = request;
      this.#wire = wireOf(request);
    }
    const { head, end, body, isTraced } = this.#wire!;
    const trace = traceId === undefined || isTraced ? '' : `traceparent: ${traceparentOf(traceId)}\r\n`;
    this.#socket!.write(head + trace + end, 'latin1');
    if (body) this.#socket!.write(body);
  }

  close(): void {
    this.closed = true;
    this.#dialing.cancel();
    this.#socket?.destroy();
  }

  /** Its time is up. */
  giveUp(): void {
    this.#fail(
      this.connected
        ? { kind: 'timeout', reason: 'there was no whole answer in time' }
        : { kind: 'connect-timeout', reason: 'it did not take the connection in time' },
    );
  }

  #opened(socket: Socket): void {
    this.connected = true;
    this.#socket = socket
      .on('end', () => this.#end())
      .on('error', (error) => this.#fail(failureOf(error, true)))
      .on('close', () => this.#fail(closed));
    this.#events.opened(this);
  }

  #take(buffer: Buffer, length: number): void {
    if (this.closed) return;
    // Bytes that nobody asked for: the next answer could not be told from them.
    if (this.exchange === undefined)
      return this.#fail({ kind: 'malformed', reason: 'it sent bytes that nobody had asked for' });
    this.answering = true;
    try {
      if (this.parser.push(buffer, length)) this.#answered();
    } catch (error) {
      if (error instanceof ResponseMalformed)
        this.#fail({ kind: 'malformed', reason: `its answer is not HTTP/1.1: ${error.message}` });
      else if (error instanceof BodyTooLarge) this.#fail({ kind: 'too-large', reason: error.message });
      else throw error;
    }
  }

  #end(): void {
    if (this.exchange !== undefined && this.parser.end()) this.#answered();
    else this.#fail(closed);
  }

  #answered(): void {
    this.served++;
    if (!this.parser.keepAlive || this.parser.left > 0) this.close();
    this.#events.answered(this);
  }

  #fail(failure: Failure): void {
    if (this.closed) return;
    this.close();
    this.#events.failed(this, failure);
  }
}

const closed: Failure = { kind: 'closed', reason: 'it closed the connection before its answer was whole' };
