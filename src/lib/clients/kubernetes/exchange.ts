import * as http from 'node:http';
import * as https from 'node:https';

import { abortable } from '../../core/abortable.js';
import type { Clock } from '../../core/clock.js';
import { errorMessage, ServiceRefused } from '../../core/errors.js';
import { maskSecrets } from '../../core/redact.js';
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

/** One request and its answer after another, over kept-alive connections, as the kubeconfig's user. */
export class Wire {
  #agent: http.Agent | undefined;
  #identity: readonly unknown[] = [];

  constructor(
    private readonly access: ClusterAccess,
    private readonly serverClock: ServerClock,
    private readonly clock: Clock,
  ) {}

  /** @throws the network's own errors; the signal's reason. */
  async exchange({ method, path, contentType, body }: Exchange, signal: AbortSignal): Promise<Answer> {
    const { server } = this.access;
    // An exec plugin may wait for a person to log in.
    const options = await abortable(this.#identify(), signal);
    const sentAt = this.clock.monotonic();
    const { request } = server.protocol === 'http:' ? http : https;
    return new Promise<Answer>((resolve, reject) => {
      const sent = request(
        `${server.href.replace(/\/$/, '')}${path}`,
        {
          ...options,
          method,
          signal,
          headers: {
            ...options.headers,
            accept: 'application/json',
            'user-agent': 'metrify',
            ...(body === undefined
              ? {}
              : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
          },
        },
        (response) => {
          this.serverClock.heard(response.headers.date, sentAt, this.clock.monotonic());
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              retryAfter: response.headers['retry-after'],
              text: Buffer.concat(chunks).toString('utf8'),
            }),
          );
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent?.destroy();
  }

  /** Asked before each request: tokens of files and of exec plugins expire. */
  async #identify(): Promise<https.RequestOptions & { headers: http.OutgoingHttpHeaders }> {
    const options: https.RequestOptions = {};
    try {
      await this.access.config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new ServiceRefused(
        `the kubeconfig's user has no credentials for Kubernetes at ${this.access.server.host}: ${maskSecrets(errorMessage(error)).trim().slice(0, 500)}`,
        { hint: 'Log in to the cluster again; `kubectl auth whoami` goes the same way.' },
      );
    }
    const { ca, cert, key, servername, auth, headers } = options;
    // Said outright: NODE_TLS_REJECT_UNAUTHORIZED must not switch the verification off.
    const rejectUnauthorized = !this.access.insecure;
    const tls = { ca, cert, key, servername, rejectUnauthorized };
    const identity = [ca, cert, key].map((part) => (part === undefined ? undefined : String(part)));
    if (!this.#agent || identity.some((part, at) => part !== this.#identity[at])) {
      this.#agent?.destroy();
      this.#agent = this.#open(options.agent as http.Agent, tls);
      this.#identity = identity;
    }
    return {
      ...tls,
      agent: this.#agent,
      ...(auth === undefined || auth === null ? {} : { auth }),
      headers: { ...(headers as http.OutgoingHttpHeaders | undefined) },
    };
  }

  #open(given: http.Agent, tls: https.AgentOptions): http.Agent {
    // Its own agents make a connection for each request, but know the ways through proxies.
    if (this.access.proxied) return given;
    return this.access.server.protocol === 'http:'
      ? new http.Agent({ keepAlive: true })
      : new https.Agent({ ...tls, keepAlive: true });
  }
}
