import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

import { abortable } from '../core/abortable.js';
import { systemCode } from '../core/errors.js';
import { type ConnectionOptions, type Connections, openConnections } from './connections.js';
import { Exchange, type Received } from './exchange.js';
import { BodyTooLarge, failureOf, type Limits, NotGzip, RequestTimedOut } from './failure.js';

export interface HttpOptions extends ConnectionOptions, Limits {
  /** The server in error messages; by default the URL's origin. */
  readonly target?: string | undefined;
  /** Sent with each request; those of a request go first. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface HttpRequest {
  /** `GET` by default. */
  readonly method?: string;
  /** With its query; char codes are bytes. */
  readonly path: string;
  /** Undefined: not sent. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Buffer | Readable | undefined;
  /** Of the answer, unpacked; 64 MiB by default. */
  readonly maxBodyBytes?: number;
  /** What becomes of a longer body: an HttpFailure `too-large` (the default), or what was read of it is the answer. */
  readonly beyond?: 'fail' | 'cut';
  /** False: the body is counted, and not kept. */
  readonly keepBody?: boolean;
  /** Asks for gzip and unpacks it. */
  readonly gzip?: boolean;
  /** Closes the connection afterwards. */
  readonly close?: boolean;
  /** Called when the status and the headers have come. */
  readonly onHeaders?: (status: number, headers: IncomingHttpHeaders) => void;
}

export interface HttpAnswer extends Received {
  /** Times that it was sent again, because a kept connection turned out to be closed. */
  readonly resent: number;
}

const usualMaxBodyBytes = 64 * 1024 * 1024;
/** RFC 9110, section 9.2.1: sending them twice changes nothing. */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * HTTP/1.1 with one server, over kept-alive connections. Redirects are answers, like any status; proxies of the
 * environment are not used. Nothing is repeated, with one exception: a server may close a kept connection at the moment
 * at which it is used again. A GET, HEAD or OPTIONS that gets no answer on such a connection is sent again (`resent`).
 */
export class HttpClient {
  readonly #base: URL;
  readonly #options: HttpOptions;
  readonly #target: string;
  #connections: Promise<Connections> | undefined;

  constructor(base: URL, options: HttpOptions) {
    this.#base = base;
    this.#options = options;
    this.#target = options.target ?? base.origin;
  }

  /**
   * Sends one request and reads its answer to the end.
   * @throws HttpFailure; UserError `HTTP_REQUEST` when it cannot be sent as it is; the signal's reason.
   */
  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    signal.throwIfAborted();
    // Loading undici is no time of the server's.
    const connections = await abortable(this.#open(), signal);
    signal.throwIfAborted();
    let exchange = this.#send(connections, request);
    const abort = () => exchange.stop(signal.reason as Error);
    const timer = setTimeout(() => exchange.stop(new RequestTimedOut()), this.#options.requestTimeoutMs);
    signal.addEventListener('abort', abort, { once: true });
    try {
      for (let resent = 0; ; resent++) {
        try {
          return { ...(await unpacked(await exchange.received, request)), resent };
        } catch (error) {
          if (!isStale(error, exchange) || !isRepeatable(request)) throw error;
          exchange = this.#send(connections, request);
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      throw failureOf(error, this.#target, exchange.phase, this.#options);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Loads what requests need: where they are timed, the first one must not have to wait for that. */
  async ready(): Promise<void> {
    await this.#open();
  }

  /** Ends all connections, and the requests on them. */
  close(): void {
    // A client that could not be opened has told its requests why.
    this.#connections?.then((connections) => connections.close()).catch(() => undefined);
  }

  #open(): Promise<Connections> {
    return (this.#connections ??= openConnections(this.#base, this.#options));
  }

  #send(connections: Connections, request: HttpRequest): Exchange {
    const { method = 'GET', path, body, gzip, close = false } = request;
    const { headersTimeoutMs, idleTimeoutMs } = this.#options;
    const exchange = new Exchange({
      maxBodyBytes: request.maxBodyBytes ?? usualMaxBodyBytes,
      beyond: request.beyond ?? 'fail',
      keepBody: request.keepBody ?? true,
      onHeaders: request.onHeaders,
    });
    const sent = {
      ...this.#options.headers,
      ...(gzip ? { 'accept-encoding': 'gzip' } : {}),
      ...request.headers,
    };
    connections.dispatch(
      {
        method: method as 'GET',
        path,
        headers: Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined)),
        body: body ?? null,
        headersTimeout: headersTimeoutMs ?? 0,
        bodyTimeout: idleTimeoutMs ?? 0,
        // Left out, a HEAD closes its connection.
        reset: close,
        onLine: (line) => (exchange.line = line),
      },
      exchange,
    );
    return exchange;
  }
}

/** Nothing came over a connection that had served before: the server had closed it. */
function isStale(error: unknown, { reused, phase }: Exchange): boolean {
  const code = systemCode(error) ?? '';
  return reused && phase === 'headers' && ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(code);
}

function isRepeatable({ method = 'GET', body }: HttpRequest): boolean {
  return body === undefined && safeMethods.has(method);
}

const gunzipped = promisify(gunzip);

async function unpacked(received: Received, request: HttpRequest): Promise<Received> {
  if (!request.gzip || received.headers['content-encoding'] !== 'gzip' || received.bytes === 0)
    return received;
  const maxOutputLength = request.maxBodyBytes ?? usualMaxBodyBytes;
  try {
    return { ...received, body: await gunzipped(received.body, { maxOutputLength }) };
  } catch (error) {
    throw systemCode(error) === 'ERR_BUFFER_TOO_LARGE' ? new BodyTooLarge(maxOutputLength) : new NotGzip();
  }
}
