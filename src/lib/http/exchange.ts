import type { IncomingHttpHeaders } from 'node:http';

import type { Dispatcher } from 'undici';

import type { Line } from './connections.js';
import { BodyTooLarge, isParserError, type Phase, TrailingBytes } from './failure.js';

export interface Reading {
  readonly maxBodyBytes: number;
  /** What becomes of a longer body: an error, or what was read so far is the answer. The rest is discarded with its connection. */
  readonly beyond: 'fail' | 'cut';
  /** False: the body is counted, and not kept. */
  readonly keepBody: boolean;
  readonly onHeaders: ((status: number, headers: IncomingHttpHeaders) => void) | undefined;
}

export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty when it was not to be kept. */
  readonly body: Buffer;
  /** Of the body that came. */
  readonly bytes: number;
  /** The body was longer than `maxBodyBytes`. */
  readonly cut: boolean;
}

/** One request on one connection, as undici tells of it. */
export class Exchange implements Dispatcher.DispatchHandler {
  line: Line | undefined;
  /** The connection had carried a request before. */
  reused = false;
  phase: Phase = 'connect';
  readonly received: Promise<Received>;
  readonly #reading: Reading;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #bytes = 0;
  #stopped: Error | undefined;
  #resolve!: (received: Received) => void;
  #reject!: (error: Error) => void;

  constructor(reading: Reading) {
    this.#reading = reading;
    this.received = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Ends it, and with it its connection. */
  stop(error: Error): void {
    this.#stopped = error;
    this.#reject(error);
    this.#controller?.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It had waited for a connection.
    if (this.#stopped) return controller.abort(this.#stopped);
    this.phase = 'headers';
    this.reused = this.line!.uses++ > 0;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 100 and 103 come before the answer.
    if (status < 200) return;
    this.phase = 'body';
    this.#status = status;
    this.#headers = joined(headers);
    this.#reading.onHeaders?.(status, this.#headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { maxBodyBytes, beyond, keepBody } = this.#reading;
    const room = maxBodyBytes - this.#bytes;
    this.#bytes += chunk.length;
    if (keepBody && room > 0) this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    if (this.#bytes <= maxBodyBytes) return;
    const tooLarge = new BodyTooLarge(maxBodyBytes);
    if (beyond === 'cut') this.#done(true);
    else this.#reject(tooLarge);
    controller.abort(tooLarge);
  }

  onResponseEnd(): void {
    const socket = this.line?.socket;
    // What follows the end in the same packet is looked at when this function has returned.
    setImmediate(() => {
      if (isTrailing(socket?.errored)) this.#reject(new TrailingBytes());
      else this.#done(false);
    });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error);
  }

  #done(cut: boolean): void {
    this.#resolve({
      status: this.#status,
      headers: this.#headers,
      body: Buffer.concat(this.#chunks),
      bytes: this.#bytes,
      cut,
    });
  }
}

/** What undici closes a connection with when bytes come that no request has asked for. */
function isTrailing(error: Error | null | undefined): boolean {
  return isParserError(error) || error?.message === 'bad response';
}

/** A header that came several times as one list, as Node.js has it; only cookies cannot be joined. */
function joined(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const cookies = headers['set-cookie'];
  for (const [name, value] of Object.entries(headers))
    if (Array.isArray(value)) headers[name] = value.join(', ');
  if (cookies !== undefined) headers['set-cookie'] = Array.isArray(cookies) ? cookies : [cookies];
  return headers;
}
