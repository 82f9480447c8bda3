import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { systemCode } from '../../core/errors.js';
import type { Target } from '../job.js';
import type { FailureKind } from '../tally.js';
import type { Exchange } from '../transport.js';
import { wireOf } from './request-bytes.js';
import { ResponseMalformed } from './response-head.js';
import { ResponseParser } from './response-parser.js';

/** What a connection tells whoever sends over it. */
export interface ConnectionEvents {
  /** It is connected, and free. */
  opened(connection: Connection): void;
  /** The answer of its request is whole. It is free again, or closed. */
  answered(connection: Connection): void;
  /** Its request failed, or there was none, and it is closed. */
  failed(connection: Connection, kind: FailureKind): void;
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
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;

  /** @param buffer which is read into: all connections of a thread may share one */
  constructor(
    target: Target,
    address: string | undefined,
    deadline: number,
    buffer: Buffer,
    events: ConnectionEvents,
  ) {
    this.#events = events;
    this.deadline = deadline;
    const callback = (length: number): boolean => {
      this.#take(buffer, length);
      return true;
    };
    this.#socket = open(target, address, { buffer, callback });
    this.#socket.setNoDelay(true);
    this.#socket
      .on(target.tls ? 'secureConnect' : 'connect', () => {
        this.connected = true;
        this.#events.opened(this);
      })
      .on('end', () => this.#end())
      .on('error', (error) => this.#fail(kindOf(error, this.connected)))
      .on('close', () => this.#fail('closed'));
  }

  send(exchange: Exchange, deadline: number): void {
    const { request } = exchange;
    this.exchange = exchange;
    this.deadline = deadline;
    this.answering = false;
    this.parser.expect(request.method, request.readsBody);
    this.#socket.write(wireOf(request));
  }

  close(): void {
    this.closed = true;
    this.#socket.destroy();
  }

  /** Its time is up. */
  giveUp(): void {
    this.#fail(this.connected ? 'timeout' : 'connect-timeout');
  }

  #take(buffer: Buffer, length: number): void {
    if (this.closed) return;
    // Bytes that nobody asked for: the next answer could not be told from them.
    if (this.exchange === undefined) return this.#fail('malformed');
    this.answering = true;
    try {
      if (this.parser.push(buffer, length)) this.#answered();
    } catch (error) {
      if (!(error instanceof ResponseMalformed)) throw error;
      this.#fail('malformed');
    }
  }

  #end(): void {
    if (this.exchange !== undefined && this.parser.end()) this.#answered();
    else this.#fail('closed');
  }

  #answered(): void {
    this.served++;
    if (!this.parser.keepAlive || this.parser.left > 0) this.close();
    this.#events.answered(this);
  }

  #fail(kind: FailureKind): void {
    if (this.closed) return;
    this.close();
    this.#events.failed(this, kind);
  }
}

function open(
  { host, port, socketPath, tls }: Target,
  address: string | undefined,
  onread: OnReadOpts,
): Socket {
  const where = {
    onread,
    ...(socketPath === undefined ? { host: address ?? host, port } : { path: socketPath }),
  };
  if (!tls) return connectTcp(where);
  const { servername, verify, ca, cert, key } = tls;
  return connectTls({
    ...where,
    servername,
    rejectUnauthorized: verify,
    ALPNProtocols: ['http/1.1'],
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}

const kinds: Readonly<Record<string, FailureKind>> = {
  ECONNREFUSED: 'refused',
  ENOENT: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'connect-timeout',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
};

function kindOf(error: Error, connected: boolean): FailureKind {
  const code = systemCode(error) ?? '';
  if (kinds[code]) return kinds[code];
  const isTls = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code);
  return isTls ? 'tls' : connected ? 'reset' : 'other';
}
