import { randomBytes } from 'node:crypto';

import { type Clock, systemClock } from '../../core/clock.js';
import { UserError } from '../../core/errors.js';
import { Redactor } from '../../core/secrets/redactor.js';
import type { HttpAnswer } from '../../http/client.js';
import type { HttpTls } from '../../http/connector.js';
import { excerpt } from '../../http/excerpt.js';
import { HttpFailure } from '../../http/failure.js';
import type { Timeouts } from '../settings.js';
import { readTls } from '../tls-files.js';
import { refusalAdvice } from './advice.js';
import { searchContradictions } from './contradictions.js';
import { type Cluster, nodeName, SearchNode } from './node.js';
import { refusalText, SearchRefusal } from './refusal.js';
import { packed, type SearchRequest } from './request.js';
import { Rotation } from './rotation.js';
import type { SearchSection, SearchSettings } from './settings.js';
import { type SignIn, signInOf } from './sign-in.js';

/** To one node, of all requests at once. */
const connections = 8;

/**
 * HTTP with the nodes of one search cluster, which are asked in turn; those that cannot be connected to are passed over for a
 * while. Nothing is sent twice: whether a request whose answer was lost may be repeated only its sender knows.
 */
export class SearchConnection {
  /** Host and port of the first node, as `--confirm` names the cluster. */
  readonly address: string;
  readonly #section: SearchSection;
  readonly #isGzip: boolean;
  readonly #signIn: SignIn;
  readonly #redactor = new Redactor();
  readonly #nodes: readonly SearchNode[];
  readonly #rotation: Rotation<SearchNode>;
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
    this.#isGzip = settings.gzip ?? false;
    this.#signIn = signInOf(settings);
    for (const secret of this.#signIn.secrets) this.#redactor.learn(secret);
    this.address = new URL(settings.urls[0]!).host;
    const headers = {
      accept: 'application/json',
      'user-agent': 'metrify',
      // Slow logs and lists of tasks name a request's sender by it.
      'x-opaque-id': `metrify-${randomBytes(4).toString('hex')}`,
    };
    const options = { ...timeouts, connections, tls, headers, signIn: this.#signIn };
    this.#nodes = settings.urls.map((url) => new SearchNode(section, settings, { ...options, url }));
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
    const sent = await packed(request, this.#isGzip);
    let unreached: unknown;
    for (const node of this.#rotation.order()) {
      try {
        if (this.#cluster !== undefined) await node.join(this.#cluster, signal);
        const answer = await node.send(sent, signal);
        this.#rotation.wake(node);
        return answer;
      } catch (error) {
        if (!(error instanceof HttpFailure)) throw error;
        // In any other phase the node may have the request.
        if (error.phase !== 'connect') throw await node.explained(error, signal);
        this.#rotation.rest(node);
        // Of several, what is wrong with the first.
        unreached ??= await node.explained(error, signal);
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
    return nodeName(this.#section, this.address);
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
    // Before it is cut: half a secret is not recognised as one.
    const body = Buffer.from(this.masked(answer.body.toString('utf8')));
    const { type, reason } = refusalText({ status, body });
    const advice = refusalAdvice({ status, type }, this.#section, this.#signIn.by);
    return new SearchRefusal(server, status, type, reason, advice);
  }

  close(): void {
    for (const node of this.#nodes) node.close();
  }
}
