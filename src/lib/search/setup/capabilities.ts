import type { ElasticClient } from '../elastic/client.js';

/** What a server has beyond the bare engine. */
export interface Capabilities {
  /** Token filters of analysis-common. */
  readonly asciiFolding: boolean;
  readonly edgeNgram: boolean;
  readonly synonyms: boolean;
  readonly dataStreams: boolean;
  /**
   * What deletes old documents by itself: the lifecycle of data streams, index lifecycle management (ILM) of
   * Elasticsearch, index state management (ISM) of OpenSearch.
   */
  readonly lifecycle: 'data-stream' | 'ilm' | 'ism' | undefined;
}

/** Asks the server. Changes nothing. @throws as ElasticClient.json */
export async function probe(client: ElasticClient, signal: AbortSignal): Promise<Capabilities> {
  const [asciiFolding, edgeNgram, synonyms, dataStreams, lifecycle] = await Promise.all([
    hasFilter(client, { type: 'asciifolding' }, signal),
    hasFilter(client, { type: 'edge_ngram', min_gram: 1, max_gram: 2 }, signal),
    hasFilter(client, { type: 'synonym_graph', synonyms: ['a, b'] }, signal),
    answers(client, '/_data_stream', signal),
    lifecycleOf(client, signal),
  ]);
  return { asciiFolding, edgeNgram, synonyms, dataStreams, lifecycle: dataStreams ? lifecycle : undefined };
}

async function lifecycleOf(client: ElasticClient, signal: AbortSignal): Promise<Capabilities['lifecycle']> {
  if (client.kind === 'opensearch')
    return (await answers(client, '/_plugins/_ism/policies', signal)) ? 'ism' : undefined;
  // Generally available since 8.14; the statistics exist since 8.12.
  const [major = 0, minor = 0] = client.version.split('.').map(Number);
  const isNew = major > 8 || (major === 8 && minor >= 14);
  if (isNew && (await answers(client, '/_lifecycle/stats', signal))) return 'data-stream';
  return (await answers(client, '/_ilm/policy', signal)) ? 'ilm' : undefined;
}

/** Servers without a handler take the path for an index that is not there, or for a method of another handler. */
async function answers(client: ElasticClient, path: string, signal: AbortSignal): Promise<boolean> {
  const { status } = await client.bytes({ path, expected: [400, 404, 405] }, signal);
  return status < 400;
}

async function hasFilter(client: ElasticClient, filter: object, signal: AbortSignal): Promise<boolean> {
  const body = JSON.stringify({ tokenizer: 'standard', filter: [filter], text: 'a' });
  const { status } = await client.bytes({ method: 'POST', path: '/_analyze', body, expected: [400] }, signal);
  return status < 400;
}

/** What an index is set up without, a line each, as a person reads it. */
export function lacking(
  { asciiFolding, edgeNgram, synonyms, dataStreams, lifecycle }: Capabilities,
  wanted: { readonly synonyms: boolean; readonly retention: boolean },
): readonly string[] {
  return [
    asciiFolding ? undefined : 'no asciifolding: an accent in a name has to be typed',
    edgeNgram ? undefined : 'no edge_ngram: names are not found by their first letters',
    synonyms || !wanted.synonyms ? undefined : 'no synonym_graph: the configured synonyms are not used',
    dataStreams ? undefined : 'no data streams: meter-readings is an index a month behind an alias',
    lifecycle !== undefined || !wanted.retention
      ? undefined
      : 'no lifecycle of indices: old documents stay until `metrify search retention` deletes them',
  ].filter((line) => line !== undefined);
}
