import { UserError } from '../../core/errors.js';
import type { ElasticClient } from './client.js';

const keepAlive = '5m';
/** Well within `keepAlive`, however slowly pages are asked for. */
const renewMs = 60_000;
const closeMs = 2000;

/** The documents of an index as of one moment, kept by the server until it is closed. */
export class PointInTime {
  readonly #client: ElasticClient;
  readonly #renewing: NodeJS.Timeout;
  #id: string;

  /** @param shard only this one, by its number @throws UserError `ENGINE_TOO_OLD`; SearchRefusal; HttpFailure; the signal's reason */
  static async open(
    client: ElasticClient,
    index: string,
    signal: AbortSignal,
    shard?: number,
  ): Promise<PointInTime> {
    requireTieBreaker(client);
    const opened = await client.json<{ id?: string; pit_id?: string }>(
      {
        method: 'POST',
        path: `/${encodeURIComponent(index)}${pathOf(client)}`,
        query: { keep_alive: keepAlive, preference: shard === undefined ? undefined : `_shards:${shard}` },
      },
      signal,
    );
    return new PointInTime(client, (opened.id ?? opened.pit_id)!);
  }

  private constructor(client: ElasticClient, id: string) {
    this.#client = client;
    this.#id = id;
    this.#renewing = setInterval(() => this.#renew(), renewMs).unref();
  }

  /** What a search has to say to see it. */
  get asJson(): string {
    return JSON.stringify({ id: this.#id, keep_alive: keepAlive });
  }

  /** @param id of the latest answer: it may be another one than before */
  continueAs(id: string | undefined): void {
    this.#id = id ?? this.#id;
  }

  async close(): Promise<void> {
    clearInterval(this.#renewing);
    const body = this.#client.kind === 'opensearch' ? { pit_id: [this.#id] } : { id: this.#id };
    await this.#client
      .json({ method: 'DELETE', path: pathOf(this.#client), body }, AbortSignal.timeout(closeMs))
      // The server gives it up by itself then; nothing of what was read depends on it.
      .catch(() => {});
  }

  #renew(): void {
    const body = `{"size":0,"terminate_after":1,"track_total_hits":false,"pit":${this.asJson}}`;
    this.#client
      .bytes({ method: 'POST', path: '/_search', body }, AbortSignal.timeout(renewMs))
      // The next page says what is wrong.
      .catch(() => {});
  }
}

function pathOf({ kind }: ElasticClient): string {
  return kind === 'opensearch' ? '/_search/point_in_time' : '/_pit';
}

/** Without `_shard_doc` pages have no order that is the same for all shards: documents would be lost between them. */
function requireTieBreaker({ kind, version, name }: ElasticClient): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const since = kind === 'opensearch' ? [3, 3] : [7, 12];
  if (major > since[0]! || (major === since[0]! && minor >= since[1]!)) return;
  throw new UserError(`${name} is too old to read every document exactly once`, {
    code: 'ENGINE_TOO_OLD',
    hint: `It takes ${kind === 'opensearch' ? 'OpenSearch' : 'Elasticsearch'} ${since.join('.')}.`,
  });
}
