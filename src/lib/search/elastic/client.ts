import { acceptedAnswer, answerJson, type ExpectingRequest } from '../../clients/search/answer.js';
import { SearchConnection, type SearchRequest } from '../../clients/search/connection.js';
import { pageText } from '../../clients/search/refusal.js';
import type { SearchSettings } from '../../clients/search/settings.js';
import type { Timeouts } from '../../clients/settings.js';
import { ServiceUnavailable } from '../../core/errors.js';
import type { HttpAnswer } from '../../http/client.js';
import { excerpt } from '../../http/excerpt.js';

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
      return new ElasticClient(
        connection,
        settings.awsService === 'aoss' ? serverless : await rootOf(connection, signal),
      );
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  private constructor(connection: SearchConnection, { version, cluster_uuid }: Root) {
    this.#connection = connection;
    this.kind = version!.distribution === 'opensearch' ? 'opensearch' : 'elasticsearch';
    this.version = version!.number!;
    this.major = Number.parseInt(this.version, 10);
    this.clusterUuid = cluster_uuid ?? '';
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

  /** The answer as it came. @throws SearchRefusal for a status from 300 on that is not expected; as `send` */
  bytes(request: ExpectingRequest, signal: AbortSignal): Promise<HttpAnswer> {
    return acceptedAnswer(this.#connection, request, this.name, signal);
  }

  /** The answer's JSON; numbers beyond 2^53 are rounded. @param body as plain data @throws as `bytes` */
  async json<T = unknown>(
    { body, ...request }: Omit<ExpectingRequest, 'body'> & { readonly body?: unknown },
    signal: AbortSignal,
  ): Promise<T> {
    const answer = await this.bytes(
      { ...request, ...(body === undefined ? {} : { body: JSON.stringify(body) }) },
      signal,
    );
    return answerJson(answer, this.name) as T;
  }

  close(): void {
    this.#connection.close();
  }
}

interface Root {
  readonly version?: { readonly number?: string; readonly distribution?: string };
  readonly cluster_uuid?: string;
}

/** OpenSearch Serverless does not answer `GET /`. */
const serverless: Root = { version: { number: '2 (Serverless)', distribution: 'opensearch' } };

async function rootOf(connection: SearchConnection, signal: AbortSignal): Promise<Root> {
  const answer = await acceptedAnswer(
    connection,
    { path: '/' },
    `Elasticsearch at ${connection.address}`,
    signal,
  );
  let root: Root | null | undefined;
  try {
    root = JSON.parse(answer.body.toString('utf8')) as Root | null;
  } catch {
    // A page.
  }
  if (typeof root?.version?.number === 'string') return root;
  const page = excerpt(pageText(connection.textOf(answer)), 100);
  throw new ServiceUnavailable(
    `${connection.address} answers, but neither as Elasticsearch nor as OpenSearch${page === '' ? '' : `: ${page}`}`,
    { code: 'NOT_A_SEARCH_SERVER', hint: 'Check elasticsearch.url in the configuration.' },
  );
}
