import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { Timeouts } from './settings.js';
import { type ByteString } from '../core/bytes.js';
import { errorMessage, systemCode } from '../core/errors.js';
import { formatDuration } from '../core/units.js';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Of the body. */
  bytes: number;
  /** The body was longer than what we read, and the rest was not waited for. */
  cut: boolean;
}

/** `connect`: nobody took the connection. `silent`: no whole answer in time. `broken`: the connection failed under way. */
export class ExchangeFailed extends Error {
  override readonly name = 'ExchangeFailed';
  constructor(
    readonly kind: 'connect' | 'silent' | 'broken',
    message: string,
  ) {
    super(message);
  }
}

export interface OriginOptions extends Timeouts {
  /** Sent as Host, and as the name that the certificate must carry. */
  host?: string | undefined;
  connections: number;
  userAgent: string;
  /** Longer bodies are cut off. */
  maxBodyBytes?: number;
}

const usualMaxBodyBytes = 256 * 1024 * 1024;

/** One `scheme://host:port`, and the only place that requests go to: redirects are answers like any other. */
export class Origin {
  readonly #agent: http.Agent;
  readonly #client: typeof http | typeof https;
  readonly #maxBodyBytes: number;

  constructor(
    private readonly base: URL,
    private readonly options: OriginOptions,
  ) {
    this.#client = base.protocol === 'https:' ? https : http;
    this.#agent = new this.#client.Agent({
      keepAlive: true,
      maxSockets: options.connections,
      scheduling: 'lifo',
    });
    this.#maxBodyBytes = options.maxBodyBytes ?? usualMaxBodyBytes;
  }

  /**
   * Requests one path and reads the answer to its end.
   * @throws ExchangeFailed; the signal's reason.
   */
  async request(
    method: 'GET' | 'HEAD',
    path: ByteString,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    // A kept connection may be closed by the server at the moment at which we use it: that says nothing.
    for (;;) {
      try {
        return await this.#exchange(method, path, headers, signal);
      } catch (error) {
        if (!(error instanceof StaleConnection)) throw error;
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(
    method: string,
    path: ByteString,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { connectTimeoutMs, requestTimeoutMs, host, userAgent } = this.options;
    const hostname = this.base.hostname.replace(/^\[|\]$/g, '');
    const serverName = (host ?? hostname).replace(/:\d+$/, '');
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      let connected = false;
      let answered = false;
      const request = this.#client.request({
        agent: this.#agent,
        hostname,
        port: this.base.port || (this.base.protocol === 'https:' ? 443 : 80),
        method,
        path,
        ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
        headers: {
          'user-agent': userAgent,
          ...(host === undefined ? {} : { host }),
          accept: '*/*',
          ...headers,
        },
      });
      const settle = (act: () => void) => {
        clearTimeout(connecting);
        clearTimeout(patience);
        signal.removeEventListener('abort', stop);
        act();
      };
      const fail = (error: Error) => {
        settle(() => reject(error));
        request.destroy();
      };
      const stop = () => fail(signal.reason as Error);
      const connecting = setTimeout(() => {
        if (!connected)
          fail(new ExchangeFailed('connect', `no connection within ${formatDuration(connectTimeoutMs)}`));
      }, connectTimeoutMs);
      const patience = setTimeout(
        () =>
          fail(new ExchangeFailed('silent', `no whole answer within ${formatDuration(requestTimeoutMs)}`)),
        requestTimeoutMs,
      );
      signal.addEventListener('abort', stop, { once: true });

      request.on('socket', (socket) => {
        if (!socket.connecting) connected = true;
        else
          socket.once(
            this.base.protocol === 'https:' ? 'secureConnect' : 'connect',
            () => (connected = true),
          );
      });
      request.on('error', (error) => {
        if (request.reusedSocket && !answered && systemCode(error) === 'ECONNRESET')
          fail(new StaleConnection());
        else fail(failure(error, connected));
      });
      request.on('response', (response) => {
        answered = true;
        let bytes = 0;
        const done = (cut: boolean) =>
          settle(() => resolve({ status: response.statusCode!, headers: response.headers, bytes, cut }));
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= this.#maxBodyBytes) return;
          done(true);
          request.destroy();
        });
        response.on('end', () => done(false));
        response.on('error', () => fail(new ExchangeFailed('broken', 'the answer was cut short')));
      });
      request.end();
    });
  }
}

class StaleConnection extends Error {}

function failure(error: Error, connected: boolean): ExchangeFailed {
  const code = systemCode(error);
  if (!connected) {
    const reason = { ECONNREFUSED: 'connection refused', ENOTFOUND: 'its name is not known' }[code ?? ''];
    return new ExchangeFailed('connect', reason ?? errorMessage(error));
  }
  if (code?.startsWith('HPE_')) return new ExchangeFailed('broken', `the answer is not HTTP (${code})`);
  return new ExchangeFailed(
    'broken',
    code === 'ECONNRESET' ? 'the connection was closed' : errorMessage(error),
  );
}
