import { UserError } from '../../core/errors.js';
import { HttpClient, type HttpAnswer, type HttpOptions } from '../../http/client.js';
import { HttpFailure } from '../../http/failure.js';
import { speaksTls } from '../../http/speaks-tls.js';
import { connectAdvice } from './advice.js';
import { packed, type PackedRequest } from './request.js';
import type { SearchSection, SearchSettings } from './settings.js';
import type { SignIn } from './sign-in.js';

/** Which cluster a node has to be of, and how it says it. */
export interface Cluster {
  readonly uuid: string;
  readonly path: string;
  /** Undefined where it does not know it yet. @param text of its answer */
  readonly read: (text: string) => string | undefined;
}

/** `Elasticsearch at 10.0.0.5:9200` */
export function nodeName(section: SearchSection, host: string): string {
  return `${section === 'solr' ? 'Solr' : 'Elasticsearch'} at ${host}`;
}

/** One server of a search cluster. */
export class SearchNode {
  readonly #section: SearchSection;
  readonly #settings: SearchSettings;
  readonly #base: URL;
  readonly #http: HttpClient;
  readonly #signIn: SignIn;
  /** So that it is what its URL says. */
  #hasAnswered = false;
  #isMember = false;

  /** @param section for messages */
  constructor(
    section: SearchSection,
    settings: SearchSettings,
    { url, signIn, ...options }: HttpOptions & { readonly url: string; readonly signIn: SignIn },
  ) {
    this.#section = section;
    this.#settings = settings;
    this.#base = new URL(url);
    this.#http = new HttpClient(this.#base, { ...options, target: nodeName(section, this.#base.host) });
    this.#signIn = signIn;
  }

  /** @throws HttpFailure; the signal's reason */
  async send(request: PackedRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { host, pathname } = this.#base;
    const path = pathname.replace(/\/$/, '') + request.path;
    const headers = this.#signIn.headers({ ...request, path, host });
    const answer = await this.#http.request({ ...request, path, headers }, signal);
    this.#hasAnswered = true;
    return answer;
  }

  /** Has it say that it is of that cluster, unless it has. @throws UserError `NODES_OF_TWO_CLUSTERS`; as `send` */
  async join({ uuid, path, read }: Cluster, signal: AbortSignal): Promise<void> {
    if (this.#isMember) return;
    const { body } = await this.send(await packed({ path }, false), signal);
    const said = read(body.toString('utf8'));
    if (said !== undefined && said !== uuid)
      throw new UserError(
        `the nodes of ${this.#section}.url are not of one cluster: ${this.#base.host} is of another one`,
        {
          code: 'NODES_OF_TWO_CLUSTERS',
          hint: 'Another cluster is another environment of the configuration.',
        },
      );
    this.#isMember = said === uuid;
  }

  /** What to do about a failure of it, where that is a matter of settings. */
  async explained(failure: HttpFailure, signal: AbortSignal): Promise<HttpFailure> {
    const { target, kind, phase, reason, cause } = failure;
    const again = (hint: string, why = reason) => new HttpFailure(target, kind, phase, why, { cause, hint });
    const isFirst = !this.#hasAnswered;
    const isPlain = this.#base.protocol === 'http:';
    // What answers plain HTTP with nothing, or with what is not HTTP, may have been waiting for TLS.
    const isOdd = kind === 'closed' || kind === 'malformed';
    if (isOdd && isFirst && isPlain && (await speaksTls(this.#base, signal)))
      return again(`Write https:// in ${this.#section}.url.`, `${reason}; it speaks TLS`);
    const hint = connectAdvice(failure, this.#section, this.#settings, isFirst && !isPlain);
    if (hint !== undefined) return again(hint);
    const all = this.#settings.urls.length;
    return phase === 'connect' && all > 1
      ? again(`None of the ${all} nodes of ${this.#section}.url can be connected to.`)
      : failure;
  }

  close(): void {
    this.#http.close();
  }
}
