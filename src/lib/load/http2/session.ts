import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import { systemCode } from '../../core/errors.js';
import type { Dialer, Dialing } from '../dialer.js';
import { type Failure, failureOf } from '../socket-failure.js';
import { traceparentOf } from '../trace-ids.js';
import type { Exchange } from '../transport.js';
import { AnswerOfStream } from './answer.js';
import { http2Headers } from './request-headers.js';

/** Of one stream and of the session: what a server may send before it is told to go on. */
const windowBytes = 4 * 1024 * 1024;
/** Stream ids are odd and below 2³¹; a session ends well before. */
const mostStreams = 2 ** 30 - 1000;

/** A request under way. */
export interface Under {
  readonly exchange: Exchange;
  readonly deadline: number;
  /** It was sent before, and not taken. */
  readonly isSecond: boolean;
}

/** What a session tells whoever sends over it. */
export interface SessionEvents {
  /** The server has said how many streams it takes. */
  opened(session: Session): void;
  answered(session: Session, exchange: Exchange, answer: AnswerOfStream): void;
  /** The server has not processed the request: it may be sent again. */
  refused(session: Session, under: Under): void;
  /** @param isUntouched no byte of an answer came, on a session that had brought answers */
  failed(session: Session, under: Under, failure: Failure, isUntouched: boolean): void;
  /** It takes no more requests; those under way may still be answered. */
  closing(session: Session): void;
  /** No request is under way any more. */
  closed(session: Session, failure: Failure): void;
}

/** One HTTP/2 connection, with many requests at a time. */
export class Session {
  isOpen = false;
  isClosing = false;
  isClosed = false;
  /** When connecting is given up. */
  deadline: number;
  readonly #scheme: string;
  readonly #events: SessionEvents;
  readonly #dialing: Dialing;
  readonly #underWay = new Map<ClientHttp2Stream, Under>();
  #session: ClientHttp2Session | undefined;
  #begun = 0;
  #served = 0;
  #failure: Failure = { kind: 'closed', reason: 'it closed the connection before its answer was whole' };

  constructor(dialer: Dialer, scheme: string, deadline: number, events: SessionEvents) {
    this.#scheme = scheme;
    this.#events = events;
    this.deadline = deadline;
    this.#dialing = dialer.dial(
      'h2',
      undefined,
      (socket) => this.#connected(socket),
      (failure) => this.#end(failure),
    );
  }

  /** How many more requests it takes at this time. */
  get free(): number {
    if (!this.isOpen || this.isClosing || this.isClosed) return 0;
    const most = this.#session!.remoteSettings.maxConcurrentStreams ?? Infinity;
    return Math.min(most - this.#underWay.size, mostStreams - this.#begun);
  }

  get underWay(): Iterable<Under> {
    return this.#underWay.values();
  }

  send(under: Under): void {
    const { exchange } = under;
    const { request, traceId } = exchange;
    const headers = http2Headers(request, this.#scheme);
    const stream = this.#session!.request(
      traceId === undefined || headers['traceparent'] !== undefined
        ? headers
        : { ...headers, traceparent: traceparentOf(traceId) },
      { endStream: request.body === undefined },
    );
    this.#begun++;
    this.#underWay.set(stream, under);
    const answer = new AnswerOfStream(request.readsBody);
    let failure: Failure | undefined;
    stream
      .on('response', (received) => answer.begin(received))
      .on('data', (chunk: Buffer) => {
        if (!answer.take(chunk)) this.#giveUp(stream, bodyTooLarge);
      })
      .on('error', (error) => (failure = failureOf(error, true)))
      .on('close', () => this.#streamClosed(stream, answer, failure));
    if (request.body !== undefined) stream.end(request.body);
    if (this.#begun >= mostStreams) this.#close();
  }

  sweep(now: number): void {
    if (!this.isOpen && this.deadline <= now)
      return this.#end({ kind: 'connect-timeout', reason: 'it did not take the connection in time' });
    for (const [stream, { deadline }] of this.#underWay) if (deadline <= now) this.#giveUp(stream, timeout);
  }

  /** Ends it at once, and tells nobody. */
  destroy(): void {
    this.isClosed = true;
    this.#underWay.clear();
    this.#dialing.cancel();
    this.#session?.destroy();
  }

  #connected(socket: Socket): void {
    if (socket instanceof TLSSocket && socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return this.#end({ kind: 'tls', reason: 'it did not choose HTTP/2 (ALPN)' });
    }
    // Each request says its own authority.
    const session = connect(`${this.#scheme}://localhost`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    this.#session = session;
    session
      .on('connect', () => session.setLocalWindowSize(windowBytes))
      .once('remoteSettings', () => {
        this.isOpen = true;
        this.#events.opened(this);
      })
      .on('goaway', () => this.#close())
      .on('error', (error) => (this.#failure = sessionFailure(error)))
      .on('close', () => this.#end(this.#failure));
  }

  #close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.#session?.close();
    this.#events.closing(this);
  }

  #giveUp(stream: ClientHttp2Stream, failure: Failure): void {
    const under = this.#take(stream);
    stream.close(constants.NGHTTP2_CANCEL);
    if (under) this.#events.failed(this, under, failure, false);
  }

  #streamClosed(stream: ClientHttp2Stream, answer: AnswerOfStream, failure: Failure | undefined): void {
    const under = this.#take(stream);
    if (!under) return;
    const code = stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
    if (failure === undefined && code === constants.NGHTTP2_NO_ERROR && answer.status > 0) {
      this.#served++;
      this.#events.answered(this, under.exchange, answer);
    } else if (code === constants.NGHTTP2_REFUSED_STREAM) this.#events.refused(this, under);
    else if (code !== constants.NGHTTP2_NO_ERROR && !this.#session!.destroyed)
      this.#events.failed(
        this,
        under,
        { kind: 'reset', reason: `it reset the stream (error ${code})` },
        false,
      );
    else this.#events.failed(this, under, this.#failure, answer.status === 0 && this.#served > 0);
  }

  #take(stream: ClientHttp2Stream): Under | undefined {
    const under = this.#underWay.get(stream);
    this.#underWay.delete(stream);
    return under;
  }

  #end(failure: Failure): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#dialing.cancel();
    this.#session?.destroy();
    this.#events.closed(this, failure);
  }
}

const timeout: Failure = { kind: 'timeout', reason: 'there was no whole answer in time' };
const bodyTooLarge: Failure = {
  kind: 'too-large',
  reason: 'its answer is longer than the 16 MiB that are read of one',
};

function sessionFailure(error: Error): Failure {
  const code = systemCode(error);
  if (code === 'ERR_HTTP2_ERROR')
    return { kind: 'malformed', reason: `its answer is not HTTP/2: ${error.message}` };
  if (code === 'ERR_HTTP2_SESSION_ERROR')
    return { kind: 'reset', reason: `it ended the session: ${error.message}` };
  return failureOf(error, true);
}
