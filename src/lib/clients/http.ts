import { ServiceRefused, ServiceUnavailable } from '../core/errors.js';
import { readUrl } from '../core/url.js';
import { basicAuthorization } from '../http/authorization.js';
import { HttpClient } from '../http/client.js';
import { serviceUrl } from '../http/url-shapes.js';
import type { HttpSettings, Timeouts } from './settings.js';

export interface HttpText {
  readonly status: number;
  readonly text: string;
}

/** A service with a REST interface, below its URL; as its user or with its token. An idle one keeps no process alive. */
export class HttpService {
  /** Host and port, for messages. */
  readonly host: string;
  readonly #http: HttpClient;
  readonly #prefix: string;

  constructor(
    readonly name: string,
    { url, token }: HttpSettings,
    timeouts: Timeouts,
  ) {
    const login = readUrl(url, serviceUrl);
    const base = new URL(url);
    this.host = base.host;
    this.#prefix = base.pathname.replace(/\/$/, '');
    const authorization = token === undefined ? basicAuthorization(login) : `Bearer ${token}`;
    this.#http = new HttpClient(base, {
      target: `${name} at ${base.host}`,
      connections: 4,
      connectTimeoutMs: timeouts.connectTimeoutMs,
      requestTimeoutMs: timeouts.requestTimeoutMs,
      headers: {
        accept: 'application/json',
        'user-agent': 'metrify',
        ...(authorization === undefined ? {} : { authorization }),
      },
    });
  }

  /**
   * The JSON answered to a GET.
   * @throws HttpFailure; ServiceUnavailable (any status but 2xx, no JSON), ServiceRefused (401, 403); the signal's reason.
   */
  async json(path: string, signal: AbortSignal): Promise<unknown> {
    const answer = await this.text(path, signal);
    if (answer.status < 200 || answer.status > 299)
      throw new ServiceUnavailable(`${this.name} at ${this.host} answered HTTP ${answer.status}`);
    return this.parse(answer);
  }

  /**
   * The answer to a GET, whatever its status.
   * @param maxBytes longer ones are an HttpFailure `too-large`; 64 MiB by default
   * @throws HttpFailure; ServiceRefused (401, 403); the signal's reason.
   */
  async text(path: string, signal: AbortSignal, maxBytes?: number): Promise<HttpText> {
    const { status, body } = await this.#http.request(
      {
        path: this.#prefix + path,
        gzip: true,
        ...(maxBytes === undefined ? {} : { maxBodyBytes: maxBytes }),
      },
      signal,
    );
    if (status === 401 || status === 403)
      throw new ServiceRefused(`${this.name} at ${this.host} refused us: HTTP ${status}`);
    return { status, text: body.toString('utf8') };
  }

  /** @throws ServiceUnavailable when it is not JSON. */
  parse({ text }: HttpText): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw new ServiceUnavailable(
        `${this.name} at ${this.host} did not answer with JSON: is it ${this.name}?`,
      );
    }
  }

  close(): void {
    this.#http.close();
  }
}
