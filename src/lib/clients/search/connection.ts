import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import { type Clock, systemClock } from '../../core/clock.js';
import { UserError } from '../../core/errors.js';
import { Redactor } from '../../core/secrets/redactor.js';
import { encodeText } from '../../core/url.js';
import { HttpClient, type HttpAnswer, type HttpRequest } from '../../http/client.js';
import type { HttpTls } from '../../http/connector.js';
import { excerpt } from '../../http/excerpt.js';
import { HttpFailure } from '../../http/failure.js';
import { speaksTls } from '../../http/speaks-tls.js';
import type { Timeouts } from '../settings.js';
import { readTls } from '../tls-files.js';
import { connectAdvice, refusalAdvice } from './advice.js';
import { searchContradictions } from './contradictions.js';
import { refusalText, SearchRefusal } from './refusal.js';
import { Rotation } from './rotation.js';
import type { SearchSection, SearchSettings } from './settings.js';
import { type SignIn, signInOf } from './sign-in.js';

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

/** To one node, of all requests at once. */
const connections = 8;
/** A page of hits may have documents of many megabytes. */
const usualMaxBodyBytes = 256 * 1024 * 1024;
/** Shorter bodies are not worth the time. */
const leastGzipBytes = 1024;

/** A request of HTTP that is not signed in yet. */
interface Packed extends HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | undefined;
}

interface Node {
  readonly http: HttpClient;
  readonly base: URL;
  /** It has answered, so that it is what its URL says. */
  hasAnswered: boolean;
  /** It has said that it is of our cluster. */
  isMember: boolean;
}

/** Which cluster the nodes have to be of, and how a node says it. */
interface Cluster {
  readonly uuid: string;
  readonly path: string;
  /** Undefined where it does not know it yet. @param text of its answer */
  readonly read: (text: string) => string | undefined;
}

/**
 * HTTP with the nodes of one search cluster, which are asked in turn; those that cannot be connected to are passed over for a
 * while. Nothing is sent twice: whether a request whose answer was lost may be repeated only its sender knows.
 */
export class SearchConnection {
  /** Host and port of the first node, as `--confirm` names the cluster. */
  readonly address: string;
  readonly #section: SearchSection;
  readonly #settings: SearchSettings;
  readonly #signIn: SignIn;
  readonly #redactor = new Redactor();
  readonly #nodes: readonly Node[];
  readonly #rotation: Rotation<Node>;
  #cluster: Cluster | undefined;

  /**
   * Nothing is asked yet.
   * @param section for messages
   * @throws UserError `SETTINGS_CONTRADICT`, `URL_INVALID`, `AWS_CREDENTIALS_MISSING`; as readTls
   */
  static async open(
    section: SearchSection,
    settings: SearchSettings,
    timeouts: Timeouts,
    clock: Pick<Clock, 'monotonic'> = systemClock,
  ): Promise<SearchConnection> {
    const [wrong] = searchContradictions(settings);
    if (wrong !== undefined)
      throw new UserError(`${[section, ...wrong.path].join('.')}: ${wrong.message}`, {
        code: 'SETTINGS_CONTRADICT',
        hint: 'See what is set, and where: metrify config show',
      });
    return new SearchConnection(section, settings, timeouts, await readTls(settings, section), clock);
  }

  private constructor(
    section: SearchSection,
    settings: SearchSettings,
    timeouts: Timeouts,
    tls: HttpTls,
    clock: Pick<Clock, 'monotonic'>,
  ) {
    this.#section = section;
    this.#settings = settings;
    this.#signIn = signInOf(settings);
    for (const secret of this.#signIn.secrets) this.#redactor.learn(secret);
    this.address = new URL(settings.urls[0]!).host;
    const headers = {
      accept: 'application/json',
      'user-agent': 'metrify',
      // Slow logs and lists of tasks name a request's sender by it.
      'x-opaque-id': `metrify-${randomBytes(4).toString('hex')}`,
    };
    this.#nodes = settings.urls.map((url) => {
      const base = new URL(url);
      const target = nameOf(section, base.host);
      const http = new HttpClient(base, { ...timeouts, target, connections, tls, headers });
      return { http, base, hasAnswered: false, isMember: false };
    });
    this.#rotation = new Rotation(this.#nodes, clock);
  }

  /** From now on a node is asked nothing before it has said that it is of this cluster: writes would be spread over several. */
  requireCluster(cluster: Cluster): void {
    this.#cluster = this.#nodes.length > 1 ? cluster : undefined;
  }

  /**
   * Sends one request; any status is an answer. A node that no connection can be made to is left for the next one.
   * @throws HttpFailure when there was no answer; UserError `NODES_OF_TWO_CLUSTERS`; the signal's reason
   */
  async send(request: SearchRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const packed = await this.#packed(request);
    let unreached: unknown;
    for (const node of this.#rotation.order()) {
      try {
        if (this.#cluster !== undefined && !node.isMember) await this.#meet(node, this.#cluster, signal);
        const answer = await node.http.request(this.#signed(packed, node.base), signal);
        node.hasAnswered = true;
        this.#rotation.wake(node);
        // Errors become messages, which are cut: half a secret is not recognised as one.
        return answer.status < 300
          ? answer
          : { ...answer, body: Buffer.from(this.masked(answer.body.toString('utf8'))) };
      } catch (error) {
        if (!(error instanceof HttpFailure)) throw error;
        // In any other phase the node may have the request.
        if (error.phase !== 'connect') throw await this.#explained(error, node, signal);
        this.#rotation.rest(node);
        // Of several, what is wrong with the first.
        unreached ??= await this.#explained(error, node, signal);
      }
    }
    throw unreached;
  }

  /** Text for messages, without the secrets that a server, or a proxy before it, repeats. */
  masked(text: string): string {
    return this.#redactor.text(text);
  }

  /** For people, until the server has said who it is: `Elasticsearch at 10.0.0.5:9200`. */
  get name(): string {
    return nameOf(this.#section, this.address);
  }

  /** What to do when something else answers. */
  get addressHint(): string {
    return `Check ${this.#section}.url in the configuration${this.#section === 'solr' ? ': http://HOST:8983/solr' : '.'}`;
  }

  /** What an answer with an error status means. @param server for people: `Elasticsearch 9.5.3 at 10.0.0.5:9200` */
  refusal(answer: HttpAnswer, server: string): SearchRefusal {
    const { status, headers } = answer;
    if (status < 400 && headers.location !== undefined) {
      const reason = excerpt(`it redirects to ${this.masked(headers.location)}`);
      return new SearchRefusal(server, status, '', reason, this.addressHint);
    }
    const { type, reason } = refusalText(answer);
    const advice = refusalAdvice({ status, type }, this.#section, this.#signIn.by);
    return new SearchRefusal(server, status, type, reason, advice);
  }

  close(): void {
    for (const { http } of this.#nodes) http.close();
  }

  async #meet(node: Node, { uuid, path, read }: Cluster, signal: AbortSignal): Promise<void> {
    const request = this.#signed(await this.#packed({ path }), node.base);
    const { body } = await node.http.request(request, signal);
    const said = read(body.toString('utf8'));
    if (said !== undefined && said !== uuid)
      throw new UserError(
        `the nodes of ${this.#section}.url are not of one cluster: ${node.base.host} is of another one`,
        {
          code: 'NODES_OF_TWO_CLUSTERS',
          hint: 'Another cluster is another environment of the configuration.',
        },
      );
    node.isMember = said === uuid;
  }

  async #packed({ method = 'GET', path, query = {}, body, ...more }: SearchRequest): Promise<Packed> {
    const search = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [`${encodeText(name)}=${encodeText(value)}`],
    );
    const isLong = body !== undefined && Buffer.byteLength(body) >= leastGzipBytes;
    const packs = isLong && this.#settings.gzip === true;
    return {
      method,
      path: search.length === 0 ? path : `${path}?${search.join('&')}`,
      body: packs ? await gzipped(body, { level: 1 }) : body,
      maxBodyBytes: more.maxBodyBytes ?? usualMaxBodyBytes,
      gzip: this.#settings.gzip === true,
      // Servers refuse a type without a body, and Elasticsearch 8 and 9 any that asks for another version's compatibility.
      headers: {
        ...(body === undefined ? {} : { 'content-type': more.contentType ?? 'application/json' }),
        ...(packs ? { 'content-encoding': 'gzip' } : {}),
        ...(more.opaqueId === undefined ? {} : { 'x-opaque-id': more.opaqueId }),
      },
    };
  }

  #signed(packed: Packed, base: URL): Packed {
    const path = base.pathname.replace(/\/$/, '') + packed.path;
    return { ...packed, path, headers: this.#signIn.headers({ ...packed, path, host: base.host }) };
  }

  async #explained(failure: HttpFailure, node: Node, signal: AbortSignal): Promise<HttpFailure> {
    const { target, kind, phase, reason, cause } = failure;
    const again = (hint: string, why = reason) => new HttpFailure(target, kind, phase, why, { cause, hint });
    const isFirst = !node.hasAnswered;
    const isPlain = node.base.protocol === 'http:';
    // What answers plain HTTP with nothing, or with what is not HTTP, may have been waiting for TLS.
    const isOdd = kind === 'closed' || kind === 'malformed';
    if (isOdd && isFirst && isPlain && (await speaksTls(node.base, signal)))
      return again(`Write https:// in ${this.#section}.url.`, `${reason}; it speaks TLS`);
    const hint = connectAdvice(failure, this.#section, this.#settings, isFirst && !isPlain);
    if (hint !== undefined) return again(hint);
    const all = this.#nodes.length;
    return phase === 'connect' && all > 1
      ? again(`None of the ${all} nodes of ${this.#section}.url can be connected to.`)
      : failure;
  }
}

function nameOf(section: SearchSection, host: string): string {
  return `${section === 'solr' ? 'Solr' : 'Elasticsearch'} at ${host}`;
}

const gzipped = promisify(gzip);
