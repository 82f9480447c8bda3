import type { ElasticClient } from '../elastic/client.js';
import { IncompleteScan } from '../engine.js';

/** How old the documents of an index are. */
export interface Ages {
  readonly documents: number;
  /** Those that have the time. */
  readonly timed: number;
  readonly older: number;
  readonly newest: Date | undefined;
}

interface Answer {
  readonly timed_out: boolean;
  readonly _shards: { readonly total: number; readonly successful: number };
  readonly hits: { readonly total: { readonly value: number } };
  readonly aggregations: {
    readonly newest: { readonly value: number | null };
    readonly timed: { readonly doc_count: number };
    readonly older: { readonly doc_count: number };
  };
}

/** @throws IncompleteScan when a shard did not answer: its newest document is not known */
export async function agesOf(
  client: ElasticClient,
  index: string,
  field: string,
  limit: Date,
  signal: AbortSignal,
): Promise<Ages> {
  const { timed_out, _shards, hits, aggregations } = await client.json<Answer>(
    {
      method: 'POST',
      path: `/${encodeURIComponent(index)}/_search`,
      query: { allow_partial_search_results: 'false' },
      body: {
        size: 0,
        track_total_hits: true,
        aggs: {
          newest: { max: { field } },
          timed: { filter: { exists: { field } } },
          older: { filter: olderThan(field, limit) },
        },
      },
    },
    signal,
  );
  if (timed_out || _shards.successful < _shards.total)
    throw new IncompleteScan(
      `${client.name} answered for ${_shards.successful} of ${_shards.total} shards of ${index}`,
    );
  const { newest, timed, older } = aggregations;
  return {
    documents: hits.total.value,
    timed: timed.doc_count,
    older: older.doc_count,
    newest: newest.value === null ? undefined : new Date(newest.value),
  };
}

/** A query. Of several times of a document the newest counts, as it does for an index. */
export function olderThan(field: string, limit: Date): object {
  const at = { format: 'strict_date_optional_time' };
  return {
    bool: {
      filter: { range: { [field]: { lt: limit.toISOString(), ...at } } },
      must_not: { range: { [field]: { gte: limit.toISOString(), ...at } } },
    },
  };
}
