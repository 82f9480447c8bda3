import { errorText } from '../../clients/search/refusal.js';
import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import type { ElasticClient } from '../elastic/client.js';
import { olderThan } from './ages.js';
import type { OldIndex, RetentionPlan } from './plan.js';

export interface Work {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** Deletes an index, unless another one has its name by now. @returns whether it was deleted */
export async function deleteIndex(
  client: ElasticClient,
  { index, uuid }: OldIndex,
  signal: AbortSignal,
): Promise<boolean> {
  const path = `/${encodeURIComponent(index)}`;
  type Settings = Record<string, { settings: { index: { uuid: string } } }>;
  const settings = await client.jsonIfThere<Settings>({ path: `${path}/_settings/index.uuid` }, signal);
  if (settings?.[index]?.settings.index.uuid !== uuid) return false;
  const { status } = await client.bytes({ method: 'DELETE', path, expected: [404] }, signal);
  return status < 400;
}

/** Documents of one request. */
const pageSize = 2000;
const pauseMs = 1000;
/** Refusals in a row for a reason that passes. */
const patience = 60;

interface OldHit {
  readonly _id: string;
  readonly _routing?: string;
  readonly _seq_no: number;
  readonly _primary_term: number;
}

/**
 * Deletes the documents that are too old, each as it was found: one that was changed meanwhile is younger, and stays.
 * @param deleted called with how many more are gone
 * @throws ServiceUnavailable when the server refuses them; as ElasticClient.json
 */
export async function deleteDocuments(
  client: ElasticClient,
  { timeField, limit }: Pick<RetentionPlan, 'timeField' | 'limit'>,
  { index, count }: NonNullable<RetentionPlan['documents']>,
  { clock, signal, progress }: Work,
  deleted: (count: number) => void,
): Promise<void> {
  const path = `/${encodeURIComponent(index)}`;
  let gone = 0;
  let refused = 0;
  for (;;) {
    const { hits } = await client.json<{ hits: { hits: readonly OldHit[] } }>(
      {
        method: 'POST',
        path: `${path}/_search`,
        query: { allow_partial_search_results: 'false' },
        body: {
          size: pageSize,
          query: olderThan(timeField, limit),
          sort: ['_doc'],
          _source: false,
          seq_no_primary_term: true,
        },
      },
      signal,
    );
    if (hits.hits.length === 0) return;
    const outcome = await deletePage(client, path, hits.hits, signal);
    gone += outcome.gone;
    deleted(outcome.gone);
    progress.update(gone, Math.max(count, gone));
    if (outcome.refusal === undefined) {
      refused = 0;
    } else {
      if (++refused === patience) throw refusedDocuments(client, index, outcome.refusal);
      await clock.sleep(pauseMs, signal);
    }
    await client.bytes({ method: 'POST', path: `${path}/_refresh` }, signal);
  }
}

interface Answer {
  readonly items: readonly { readonly delete: { readonly status: number; readonly error?: unknown } }[];
}

/** Of one page: how many are gone, and one refusal that may pass. */
async function deletePage(
  client: ElasticClient,
  path: string,
  hits: readonly OldHit[],
  signal: AbortSignal,
): Promise<{ gone: number; refusal: string | undefined }> {
  const lines = hits.map(({ _id, _routing, _seq_no, _primary_term }) =>
    JSON.stringify({
      delete: { _id, routing: _routing, if_seq_no: _seq_no, if_primary_term: _primary_term },
    }),
  );
  const answer = await client.bytes(
    {
      method: 'POST',
      path: `${path}/_bulk`,
      contentType: 'application/x-ndjson',
      body: `${lines.join('\n')}\n`,
      expected: [429, 503],
    },
    signal,
  );
  if (answer.status >= 400) return { gone: 0, refusal: `HTTP ${answer.status}` };
  const { items } = JSON.parse(answer.body.toString('utf8')) as Answer;
  let gone = 0;
  let refusal: string | undefined;
  for (const { delete: item } of items) {
    if (item.status < 300 || item.status === 404) gone++;
    // 409: changed since it was found. The next search finds it again if it is still too old.
    else if (item.status !== 409) refusal = errorText(item.error)?.reason ?? `HTTP ${item.status}`;
  }
  return { gone, refusal };
}

function refusedDocuments(client: ElasticClient, index: string, reason: string): ServiceUnavailable {
  return new ServiceUnavailable(`${client.name} refuses to delete documents of ${index}: ${reason}`, {
    code: 'DELETE_REFUSED',
    hint: 'See: metrify search status. The next run continues.',
  });
}
