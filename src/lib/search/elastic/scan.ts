import { type ByteString, bytesOf, fromBytes } from '../../core/bytes.js';
import { eachElement, eachMember, stringText } from '../../sources/json-members.js';
import { type Hit, IncompleteScan, type ScanOptions } from '../engine.js';
import type { ElasticClient } from './client.js';

const keepAlive = '5m';
const usualPageSize = 2000;

/** All documents through a point in time. @throws as SearchEngine.scan */
export async function* scan(
  client: ElasticClient,
  index: string,
  { signal, filter, pageSize = usualPageSize, source = true, slice, shard }: ScanOptions,
): AsyncGenerator<readonly Hit[]> {
  const isOpenSearch = client.kind === 'opensearch';
  const pits = isOpenSearch ? '/_search/point_in_time' : '/_pit';
  const opened = await client.json<{ id?: string; pit_id?: string }>(
    {
      method: 'POST',
      path: `/${encodeURIComponent(index)}${pits}`,
      query: { keep_alive: keepAlive, preference: shard === undefined ? undefined : `_shards:${shard}` },
    },
    signal,
  );
  let pit = (isOpenSearch ? opened.pit_id : opened.id)!;
  let after: string | undefined;
  try {
    for (;;) {
      const sort = isOpenSearch ? '[{"_doc":"asc"}]' : '[{"_shard_doc":"asc"}]';
      const { body } = await client.bytes(
        {
          method: 'POST',
          path: '/_search',
          query: { allow_partial_search_results: 'false' },
          body:
            `{"size":${pageSize},"track_total_hits":false,"_source":${source},"version":true,"seq_no_primary_term":true,` +
            `"pit":{"id":${JSON.stringify(pit)},"keep_alive":"${keepAlive}"},"sort":${sort},` +
            (slice === undefined ? '' : `"slice":${JSON.stringify(slice)},`) +
            (after === undefined ? '' : `"search_after":${after},`) +
            `"query":${JSON.stringify(filter ?? { match_all: {} })}}`,
        },
        signal,
      );
      const page = readPage(bytesOf(body), client.name);
      pit = page.pit ?? pit;
      if (page.hits.length === 0) return;
      yield page.hits;
      after = page.after;
    }
  } finally {
    // Without it the server keeps the searchers for `keepAlive`; whatever fails here changes nothing of what was read.
    await client
      .json(
        {
          method: 'DELETE',
          path: pits,
          body: isOpenSearch ? { pit_id: [pit] } : { id: pit },
        },
        AbortSignal.timeout(2000),
      )
      .catch(() => {});
  }
}

interface Page {
  readonly hits: readonly Hit[];
  /** Of the last hit: its sort values as JSON. */
  readonly after: string | undefined;
  readonly pit: string | undefined;
}

function readPage(body: ByteString, server: string): Page {
  const hits: Hit[] = [];
  let after: string | undefined;
  let pit: string | undefined;
  eachMember(body, (name, value) => {
    if (name === '"timed_out"' && value === 'true')
      throw new IncompleteScan(`${server} ran out of time within a page`);
    else if (name === '"pit_id"') pit = fromBytes(stringText(value));
    else if (name === '"_shards"') requireAllShards(value, server);
    else if (name === '"hits"')
      eachMember(value, (inner, list) => {
        if (inner === '"hits"')
          eachElement(list, (raw) => {
            const { sort, ...hit } = readHit(raw);
            hits.push(hit);
            after = sort;
          });
      });
  });
  return { hits, after, pit };
}

function readHit(raw: ByteString): Hit & { readonly sort: string } {
  let id = '' as ByteString;
  let source = '' as ByteString;
  let routing: ByteString | undefined;
  let index: string | undefined;
  let version: string | undefined;
  let seqNo: string | undefined;
  let sort = '';
  eachMember(raw, (name, value) => {
    if (name === '"_id"') id = stringText(value);
    else if (name === '"_source"') source = value;
    else if (name === '"_routing"') routing = stringText(value);
    else if (name === '"_index"') index = fromBytes(stringText(value));
    else if (name === '"_version"') version = value;
    else if (name === '"_seq_no"') seqNo = value;
    else if (name === '"sort"') sort = value;
  });
  return { id, source, routing, index, version, seqNo, sort };
}

/** A shard that is missing may not even count as failed. */
function requireAllShards(raw: ByteString, server: string): void {
  const shards = JSON.parse(fromBytes(raw)) as {
    total: number;
    successful: number;
    failures?: readonly { shard?: number; node?: string; reason?: { reason?: string } }[];
  };
  if (shards.successful === shards.total) return;
  const [first] = shards.failures ?? [];
  const where =
    first === undefined
      ? ''
      : `: shard ${first.shard} on ${first.node ?? 'no node'}: ${first.reason?.reason ?? ''}`;
  throw new IncompleteScan(`${server} answered with ${shards.successful} of ${shards.total} shards${where}`);
}
