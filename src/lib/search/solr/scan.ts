import type { ByteString } from '../../core/bytes.js';
import { readAhead } from '../../core/read-ahead.js';
import type { Hit, ScanOptions } from '../engine.js';
import { PageSize } from '../pages/page-size.js';
import { persistently, usualPatienceMs } from '../pages/persistently.js';
import { readAnswer } from './answer.js';
import { corePath } from './client.js';
import type { Asked } from './query-of.js';
import type { SolrSchema } from './schema.js';
import { sortOf } from './sort-of.js';
import { fieldList, storedOf } from './stored.js';

/**
 * All documents in the order of their ids, by `cursorMark`, a page read while the one before is worked on. Solr keeps no point
 * in time: a document that is there from beginning to end comes once, in the state of its page; one that is written or deleted
 * meanwhile may be missed. With a sort by what changes meanwhile, one may also come twice.
 * @param query in Solr's JSON query language
 * @throws as SearchEngine.scan
 */
export function scan(asked: Asked, query: unknown, options: ScanOptions): AsyncIterable<readonly Hit[]> {
  return readAhead((signal) => pages(asked, query, { ...options, signal }), options.signal);
}

async function* pages(
  { client, core, schema }: Asked,
  query: unknown,
  { signal, pageSize, patienceMs = usualPatienceMs, sort = [], source = true, slice }: ScanOptions,
): AsyncGenerator<readonly Hit[]> {
  const size = new PageSize(pageSize);
  const question = {
    query,
    fields: fieldList(schema, source),
    sort: [...sort.map(sortOf), `${schema.uniqueKey} asc`].join(','),
    ...(slice !== undefined &&
      slice.max > 1 && { filter: { hash: { workers: slice.max, worker: slice.id } } }),
  };
  for (let cursor = '*'; ;) {
    const page = await persistently(
      async () => {
        const answer = await client.bytes(
          {
            method: 'POST',
            path: corePath(core, 'select'),
            query: { ...searchParameters, ...scanParameters, partitionKeys: slice && schema.uniqueKey },
            body: JSON.stringify({ ...question, limit: size.documents, params: { cursorMark: cursor } }),
          },
          signal,
        );
        const read = readAnswer(answer.body, client.name);
        size.saw(read.documents.length, answer.body.length);
        return read;
      },
      size,
      patienceMs,
      signal,
    );
    const hits = page.documents.map((raw) => hitOf(schema, raw, source));
    if (hits.length > 0) yield hits;
    // A page may be short without being the last one: the cursor that stays where it is says so.
    if (page.nextCursor === undefined || page.nextCursor === cursor) return;
    cursor = page.nextCursor;
  }
}

/** In nothing that comes from a person may `${…}` stand for a parameter, and no shard may be left out. */
export const searchParameters = {
  expandMacros: 'false',
  'shards.tolerant': 'false',
  indent: 'off',
  wt: 'json',
} as const;

/** Other replicas may not have committed what the leader has. */
const scanParameters = { 'shards.preference': 'replica.leader:true' } as const;

export function hitOf(schema: SolrSchema, raw: ByteString, source: boolean): Hit {
  const { id, source: json, version } = storedOf(schema, raw, source);
  return { id, source: json, version };
}
