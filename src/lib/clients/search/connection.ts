import { UserError } from '../../core/errors.js';
import { agreed, readUrl } from '../../core/url.js';
import { basicAuthorization } from '../../http/authorization.js';
import { HttpClient, type HttpAnswer } from '../../http/client.js';
import { HttpFailure } from '../../http/failure.js';
import { serviceUrl } from '../../http/url-shapes.js';
import { readAuthorities } from '../authorities.js';
import type { Timeouts } from '../settings.js';
import type { SearchSettings } from './settings.js';

export interface SearchRequest {
  /** `GET` by default. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Below the service's URL, encoded, without a query: `/sensors/_search`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Buffer | undefined;
  /** Of the body; `application/json` by default. */
  readonly contentType?: string;
  /** Of the answer; 256 MiB by default. */
  readonly maxBodyBytes?: number;
  /** What the server's lists of tasks and its logs call this request. */
  readonly opaqueId?: string;
}

/** Of all requests at once. */
const connections = 8;
/** A page of hits may have documents of many megabytes. */
const usualMaxBodyBytes = 256 * 1024 * 1024;

/**
 * HTTP with the nodes of one search cluster. The first node that can be connected to is used, until it cannot be any more.
 * Nothing is sent twice: whether a request whose answer was lost may be repeated only its sender knows.
 */
export class SearchConnection {
  /** Host and port of the first node, as `--confirm` names the cluster. */
  readonly address: string;
  readonly #nodes: readonly { readonly http: HttpClient; readonly prefix: string }[];
  #current = 0;

  /** Nothing is asked yet. @param section for messages: `elasticsearch` @throws UserError `TLS_CA_UNREADABLE`, `URL_INVALID` */
  static async open(
    section: 'elasticsearch' | 'solr',
    settings: SearchSettings,
    timeouts: Timeouts,
  ): Promise<SearchConnection> {
    const { tlsVerify: verify, tlsCa } = settings;
    const ca = tlsCa === undefined ? undefined : await readAuthorities(tlsCa, `${section}.tlsCa`);
    return new SearchConnection(section, settings, timeouts, { verify, ca });
  }

  private constructor(
    section: 'elasticsearch' | 'solr',
    settings: SearchSettings,
    timeouts: Timeouts,
    tls: { readonly verify: boolean | undefined; readonly ca: string | undefined },
  ) {
    const authorization = authorizationOf(settings);
    const system = section === 'solr' ? 'Solr' : 'Elasticsearch';
    this.address = new URL(settings.urls[0]!).host;
    this.#nodes = settings.urls.map((url) => {
      const base = new URL(url);
      const http = new HttpClient(base, {
        ...timeouts,
        target: `${system} at ${base.host}`,
        connections,
        tls,
        headers: {
          accept: 'application/json',
          'user-agent': 'metrify',
          ...(authorization === undefined ? {} : { authorization }),
        },
      });
      return { http, prefix: base.pathname.replace(/\/$/, '') };
    });
  }

  /**
   * Sends one request; any status is an answer. A node that no connection can be made to is left for the next one.
   * @throws HttpFailure when there was no answer; the signal's reason
   */
  async send(request: SearchRequest, signal: AbortSignal): Promise<HttpAnswer> {
    for (let tried = 1; ; tried++) {
      const { http, prefix } = this.#nodes[this.#current]!;
      try {
        return await http.request(asHttp(request, prefix), signal);
      } catch (error) {
        const wasNotSent = error instanceof HttpFailure && error.phase === 'connect';
        if (!wasNotSent || tried >= this.#nodes.length) throw error;
        this.#current = (this.#current + 1) % this.#nodes.length;
      }
    }
  }

  close(): void {
    for (const { http } of this.#nodes) http.close();
  }
}

function asHttp(
  { method = 'GET', path, query = {}, body, contentType, maxBodyBytes, opaqueId }: SearchRequest,
  prefix: string,
) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.append(name, value);
  return {
    method,
    path: search.size === 0 ? prefix + path : `${prefix}${path}?${search.toString()}`,
    body,
    maxBodyBytes: maxBodyBytes ?? usualMaxBodyBytes,
    // Servers refuse a type without a body, and Elasticsearch 8 and 9 any that asks for another version's compatibility.
    headers: {
      ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
      ...(opaqueId === undefined ? {} : { 'x-opaque-id': opaqueId }),
    },
  };
}

/** @throws UserError when more than one way to sign in is given */
function authorizationOf({ urls, username, password, apiKey, token }: SearchSettings): string | undefined {
  const logins = urls.map((url) => readUrl(url, serviceUrl));
  const login = basicAuthorization({
    username: agreed(logins, 'username', 'users') ?? username,
    password: agreed(logins, 'password', 'passwords') ?? password,
  });
  const ways = { 'a user': login, apiKey: apiKey && `ApiKey ${apiKey}`, token: token && `Bearer ${token}` };
  const given = Object.entries(ways).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw new UserError(`${given.map(([name]) => name).join(' and ')} are both given to sign in with`, {
      code: 'SIGN_IN_UNCLEAR',
      hint: 'Leave one of them out.',
    });
  return given[0]?.[1];
}
