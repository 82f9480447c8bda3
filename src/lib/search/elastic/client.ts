import {
  acceptedAnswer,
  answerJson,
  type ExpectingRequest,
  introduced,
  readIntroduction,
} from '../../clients/search/answer.js';
import { SearchConnection } from '../../clients/search/connection.js';
import type { SearchRequest } from '../../clients/search/request.js';
import { elasticIntroduction, type ElasticIntroduction } from '../../clients/search/introductions.js';
import type { SearchRefusal } from '../../clients/search/refusal.js';
import type { SearchSettings } from '../../clients/search/settings.js';
import type { Timeouts } from '../../clients/settings.js';
import { bytesOf } from '../../core/bytes.js';
import type { HttpAnswer } from '../../http/client.js';
import { exactJson, exactText } from '../exact-json.js';

interface JsonRequest extends Omit<ExpectingRequest, 'body'> {
  readonly body?: unknown;
  /** What is to be written again: numbers that a double does not hold are Digits. */
  readonly exact?: boolean;
}

/** A server that speaks the protocol of Elasticsearch. */
export class ElasticClient {
  readonly kind: 'elasticsearch' | 'opensearch';
  readonly version: string;
  readonly major: number;
  readonly clusterUuid: string;
  readonly #connection: SearchConnection;

  /** @throws HttpFailure; SearchRefusal; ServiceUnavailable when something else answers; the signal's reason */
  static async open(
    settings: SearchSettings,
    timeouts: Timeouts,
    signal: AbortSignal,
  ): Promise<ElasticClient> {
    const connection = await SearchConnection.open('elasticsearch', settings, timeouts);
    try {
      const asked = elasticIntroduction(settings);
      const said = await introduced(connection, asked, signal);
      const clusterOf = (text: string) => readIntroduction(asked, text)?.clusterUuid || undefined;
      if (said.clusterUuid !== '')
        connection.requireCluster({ uuid: said.clusterUuid, path: asked.path, read: clusterOf });
      return new ElasticClient(connection, said);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  private constructor(
    connection: SearchConnection,
    { number, isOpenSearch, clusterUuid }: ElasticIntroduction,
  ) {
    this.#connection = connection;
    this.kind = isOpenSearch ? 'opensearch' : 'elasticsearch';
    this.version = number;
    this.major = Number.parseInt(number, 10);
    this.clusterUuid = clusterUuid;
  }

  get address(): string {
    return this.#connection.address;
  }

  /** `OpenSearch 3.8.0 at 10.0.0.5:9200` */
  get name(): string {
    return `${this.kind === 'opensearch' ? 'OpenSearch' : 'Elasticsearch'} ${this.version} at ${this.address}`;
  }

  /** The answer, whatever its status. @throws HttpFailure; the signal's reason */
  send(request: SearchRequest, signal: AbortSignal): Promise<HttpAnswer> {
    return this.#connection.send(request, signal);
  }

  /** What an answer with an error status means. */
  refusal(answer: HttpAnswer): SearchRefusal {
    return this.#connection.refusal(answer, this.name);
  }

  /** The answer as it came. @throws SearchRefusal for a status from 300 on that is not expected; as `send` */
  bytes(request: ExpectingRequest, signal: AbortSignal): Promise<HttpAnswer> {
    return acceptedAnswer(this.#connection, request, this.name, signal);
  }

  /** The answer's JSON; numbers beyond 2^53 are rounded, unless it is `exact`. @param body as plain data, and Digits @throws as `bytes` */
  async json<T = unknown>({ body, exact, ...request }: JsonRequest, signal: AbortSignal): Promise<T> {
    const answer = await this.bytes(
      { ...request, ...(body === undefined ? {} : { body: exactText(body) }) },
      signal,
    );
    return this.#read(answer, exact) as T;
  }

  /** As `json`; undefined when there is nothing of it (404). */
  async jsonIfThere<T>(
    { exact, ...request }: Pick<JsonRequest, 'path' | 'query' | 'exact'>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const answer = await this.bytes({ ...request, expected: [404] }, signal);
    const body = this.#read(answer, exact) as T;
    // Not by what it says: an index may be called `error`.
    return answer.status === 404 ? undefined : body;
  }

  #read(answer: HttpAnswer, exact = false): unknown {
    const value = answerJson(answer, this.name);
    return exact && value !== undefined ? exactJson(bytesOf(answer.body)) : value;
  }

  close(): void {
    this.#connection.close();
  }
}
