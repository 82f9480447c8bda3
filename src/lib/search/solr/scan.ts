import { readAhead } from '../../core/read-ahead.js';
import type { ScanOptions } from '../engine.js';
import { PageSize } from '../pages/page-size.js';
import { persistently, usualPatienceMs } from '../pages/persistently.js';
import { readAnswer } from './answer.js';
import { corePath } from './client.js';
import type { Asked } from './query-of.js';
import { sortOf } from './sort-of.js';
import { readStored } from './read.js';
import { fieldList, type Stored, storedOf } from './stored.js';

/**
 * All documents in the order of their ids, by `cursorMark`, a page read while the one before is worked on. Solr keeps no point
 * in time: a document that is there from beginning to end comes once, in the state of its page; one that is written or deleted
 * meanwhile may be missed. With a sort by what changes meanwhile, one may also come twice.
 * @param query in Solr's JSON query language
 * @throws as SearchEngine.scan
 */
export function scan(asked: Asked, query: unknown, options: ScanOptions): AsyncIterable<readonly Stored[]> {
  return readAhead((signal) => pages(asked, query, { ...options, signal }), options.signal);
}

async function* pages(
  asked: Asked,
  query: unknown,
  { signal, pageSize, patienceMs = usualPatienceMs, sort = [], source = true, slice }: ScanOptions,
): AsyncGenerator<readonly Stored[]> {
  const { client, core, schema } = asked;
  const size = new PageSize(pageSize);
  const question = {
    query,
    fields: fieldList(schema, source ? 'source' : 'name'),
    sort: [...sort.map((key) => sortOf(schema, key)), `${schema.uniqueKey} asc`].join(','),
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
    const stored = page.documents.map((raw) => storedOf(schema, raw, source));
    const hits = source && schema.keepsSource ? await completed(asked, stored) : stored;
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

/** With the fields of documents that something else wrote, which have no source of their own. */
async function completed(
  { client, core, schema, signal }: Asked,
  documents: readonly Stored[],
): Promise<readonly Stored[]> {
  const without = documents.filter(({ isKept }) => !isKept).map(({ id }) => id);
  if (without.length === 0) return documents;
  const read = await readStored(client, core, schema, without, signal);
  return documents.flatMap((document) => {
    if (document.isKept) return [document];
    // It is gone by now.
    const whole = read.get(document.id);
    return whole === undefined ? [] : [whole];
  });
}
