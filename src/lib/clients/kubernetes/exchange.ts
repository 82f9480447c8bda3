import { once } from 'node:events';
import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import { abortable } from '../../core/abortable.js';
import type { Clock } from '../../core/clock.js';
import { errorMessage, ServiceRefused } from '../../core/errors.js';
import { HttpClient } from '../../http/client.js';
import { excerpt } from '../../http/excerpt.js';
import type { ClusterAccess } from './config.js';
import type { ServerClock } from './server-clock.js';

export interface Exchange {
  readonly method: 'GET' | 'PATCH' | 'POST' | 'PUT';
  /** With its query. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  /** Seconds, or a date. */
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** A page of 500 large objects fits. */
const maxAnswerBytes = 512 * 1024 * 1024;

interface Identity {
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'servername'>;
  /** Makes connections through the kubeconfig's proxy. */
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
}

/** One request and its answer after another, over kept-alive connections, as the kubeconfig's user. */
export class Wire {
  readonly #access: ClusterAccess;
  readonly #serverClock: ServerClock;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #prefix: string;
  #http: HttpClient | undefined;
  #shown: readonly unknown[] = [];

  constructor(access: ClusterAccess, serverClock: ServerClock, clock: Clock, timeoutMs: number) {
    this.#access = access;
    this.#serverClock = serverClock;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#prefix = access.server.pathname.replace(/\/$/, '');
  }

  /** @throws HttpFailure; ServiceRefused without credentials; the signal's reason. */
  async exchange({ method, path, contentType, body }: Exchange, signal: AbortSignal): Promise<Answer> {
    // An exec plugin may wait for a person to log in.
    const identity = await abortable(this.#identify(), signal);
    const sentAt = this.#clock.monotonic();
    const answer = await this.#clientOf(identity).request(
      {
        method,
        path: this.#prefix + path,
        headers: {
          ...identity.headers,
          accept: 'application/json',
          'user-agent': 'metrify',
          'content-type': contentType,
        },
        body,
        maxBodyBytes: maxAnswerBytes,
        onHeaders: (_, { date }) => this.#serverClock.heard(date, sentAt, this.#clock.monotonic()),
      },
      signal,
    );
    return {
      status: answer.status,
      retryAfter: answer.headers['retry-after'],
      text: answer.body.toString('utf8'),
    };
  }

  /** Ends all connections; a later exchange makes new ones. */
  close(): void {
    this.#http?.close();
    this.#http = undefined;
  }

  /** Asked before each request: tokens of files and of exec plugins expire. */
  async #identify(): Promise<Identity> {
    const options: RequestOptions = {};
    try {
      await this.#access.config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new ServiceRefused(
        `the kubeconfig's user has no credentials for Kubernetes at ${this.#access.server.host}: ${excerpt(errorMessage(error))}`,
        { hint: 'Log in to the cluster again; `kubectl auth whoami` goes the same way.' },
      );
    }
    const { ca, cert, key, servername, auth, headers, agent } = options;
    const basic =
      auth === undefined || auth === null
        ? {}
        : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
    return {
      tls: { ca, cert, key, servername },
      agent: agent as Agent,
      headers: { ...basic, ...(headers as Record<string, string> | undefined) },
    };
  }

  /** Connections are kept while they show the same certificate. */
  #clientOf({ tls, agent }: Identity): HttpClient {
    const shown = [tls.ca, tls.cert, tls.key].map((part) => (part === undefined ? undefined : String(part)));
    if (this.#http && shown.every((part, at) => part === this.#shown[at])) return this.#http;
    this.#http?.close();
    this.#shown = shown;
    const { server, insecure, proxied } = this.#access;
    const { ca, cert, key, servername } = tls as Record<string, Buffer | undefined> & { servername?: string };
    this.#http = new HttpClient(server, {
      target: `Kubernetes at ${server.host}`,
      connections: 16,
      connectTimeoutMs: this.#timeoutMs,
      requestTimeoutMs: this.#timeoutMs,
      tls: { ca, cert, key, servername, verify: !insecure },
      connect: proxied
        ? (host, port) =>
            throughProxy(agent, { host, port, ...tls, rejectUnauthorized: !insecure }, server.protocol)
        : undefined,
    });
    return this.#http;
  }
}

/** The Kubernetes package's agents know the ways through HTTP and SOCKS proxies, TLS behind them included. */
async function throughProxy(agent: Agent, options: RequestOptions, protocol: string): Promise<Socket> {
  const { connect, createConnection } = agent as Agent & {
    connect?: (request: object, options: object) => Promise<Socket>;
    createConnection(options: object, done: (error: Error | null, socket: Socket) => void): void;
  };
  const socket = connect
    ? await connect.call(
        agent,
        { destroy: () => undefined },
        { ...options, secureEndpoint: protocol === 'https:' },
      )
    : await new Promise<Socket>((resolve, reject) =>
        createConnection.call(agent, options, (error, made) => (error ? reject(error) : resolve(made))),
      );
  if (socket instanceof TLSSocket) await once(socket, 'secureConnect');
  return socket;
}
