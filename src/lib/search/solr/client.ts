import {
  acceptedAnswer,
  answerJson,
  type ExpectingRequest,
  introduced,
} from '../../clients/search/answer.js';
import { SearchConnection } from '../../clients/search/connection.js';
import type { SearchRequest } from '../../clients/search/request.js';
import { solrIntroduction, type SolrIntroduction } from '../../clients/search/introductions.js';
import { SearchRefusal } from '../../clients/search/refusal.js';
import type { SearchSettings } from '../../clients/search/settings.js';
import type { Timeouts } from '../../clients/settings.js';
import { UserError } from '../../core/errors.js';
import type { HttpAnswer } from '../../http/client.js';

/** Solr, standalone or as SolrCloud. */
export class SolrClient {
  readonly version: string;
  /** Whether it has collections and aliases in place of cores. */
  readonly isCloud: boolean;
  readonly #connection: SearchConnection;

  /** @throws HttpFailure; SearchRefusal; ServiceUnavailable when something else answers; the signal's reason */
  static async open(settings: SearchSettings, timeouts: Timeouts, signal: AbortSignal): Promise<SolrClient> {
    const connection = await SearchConnection.open('solr', settings, timeouts);
    try {
      const said = await introduced(connection, solrIntroduction, signal);
      if (!said.isCloud && settings.urls.length > 1)
        throw new UserError('solr.url names several servers, which share nothing: they are not a SolrCloud', {
          code: 'NODES_OF_TWO_CLUSTERS',
          hint: 'Name one of them. Another one is another environment of the configuration.',
        });
      return new SolrClient(connection, said);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  private constructor(connection: SearchConnection, { version, isCloud }: SolrIntroduction) {
    this.#connection = connection;
    this.version = version;
    this.isCloud = isCloud;
  }

  get address(): string {
    return this.#connection.address;
  }

  /** `Solr 9.10.1 at 10.0.0.5:8983` */
  get name(): string {
    return `Solr ${this.version} at ${this.address}`;
  }

  /** The answer, whatever its status. @throws HttpFailure; SearchRefusal 404 for a core that is not there; the signal's reason */
  async send(request: SearchRequest, signal: AbortSignal): Promise<HttpAnswer> {
    return this.#withCore(await this.#connection.send(request, signal), request);
  }

  /** What an answer with an error status means. */
  refusal(answer: HttpAnswer): SearchRefusal {
    return this.#connection.refusal(answer, this.name);
  }

  /** The answer as it came. @throws SearchRefusal for a status from 300 on that is not expected; as `send` */
  async bytes(request: ExpectingRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const expected = [...(request.expected ?? []), 404];
    const answer = await acceptedAnswer(this.#connection, { ...request, expected }, this.name, signal);
    return request.expected?.includes(404) ? answer : this.#withCore(answer, request);
  }

  /** The answer's JSON; numbers beyond 2^53 are rounded. @param body as plain data @throws as `bytes` */
  async json<T = unknown>(
    { body, ...request }: Omit<ExpectingRequest, 'body'> & { readonly body?: unknown },
    signal: AbortSignal,
  ): Promise<T> {
    const answer = await this.bytes(
      {
        ...request,
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      },
      signal,
    );
    return answerJson(answer, this.name) as T;
  }

  close(): void {
    this.#connection.close();
  }

  /** For a core that is not there Solr answers with a page of its web server. */
  #withCore(answer: HttpAnswer, { path }: SearchRequest): HttpAnswer {
    if (answer.status !== 404) return answer;
    const core = decodeURIComponent(path.split('/')[1]!);
    const what = this.isCloud ? 'collection or alias' : 'core';
    throw new SearchRefusal(this.name, 404, 'not_found', `there is no ${what} '${core}'`);
  }
}

/** The path of a core's or collection's handler: `/sensors/update`. */
export function corePath(core: string, handler: string): string {
  return `/${encodeURIComponent(core)}/${handler}`;
}

/** The body of a form, whose parameters may be repeated; `contentType` is {@link formType}. */
export function formBody(parameters: readonly (readonly [name: string, value: string])[]): string {
  return new URLSearchParams(parameters.map(([name, value]) => [name, value] as [string, string])).toString();
}

export const formType = 'application/x-www-form-urlencoded';
