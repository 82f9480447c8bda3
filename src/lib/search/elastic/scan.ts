import type { HttpAnswer } from '../../http/client.js';
import { SearchRefusal } from '../../clients/search/refusal.js';
import type { ByteString } from '../../core/bytes.js';
import { counted } from '../../core/units.js';
import { merge } from '../../core/merge.js';
import { readAhead } from '../../core/read-ahead.js';
import { type Hit, IncompleteScan, type ScanOptions } from '../engine.js';
import { type Answer, readAnswer, totalOf } from './answer.js';
import { PageSize } from '../pages/page-size.js';
import { persistently, usualPatienceMs } from '../pages/persistently.js';
import type { ElasticClient } from './client.js';
import { PointInTime } from './point-in-time.js';
import { repeatableSort } from './sort-of.js';

/** Streams of pages side by side, unless an order or a part is asked for: each keeps a thread of the server busy. */
const streams = 2;

/** All documents through a point in time; pages are read while others are worked on. @throws as SearchEngine.scan */
export function scan(
  client: ElasticClient,
  index: string,
  options: ScanOptions,
): AsyncIterable<readonly Hit[]> {
  return readAhead((signal) => parts(client, index, { ...options, signal }), options.signal);
}

async function* parts(
  client: ElasticClient,
  index: string,
  options: ScanOptions,
): AsyncGenerator<readonly Hit[]> {
  const { signal, slice, shard, sort = [] } = options;
  const keys = [...(await repeatableSort(client, index, sort, signal)), { _shard_doc: 'asc' }];
  const pit = await PointInTime.open(client, index, signal, shard);
  const read = (part: ScanOptions['slice']) => pages(client, pit, question(options, keys, part), options);
  try {
    if (slice !== undefined || shard !== undefined || sort.length > 0) yield* read(slice);
    else yield* merge(Array.from({ length: streams }, (_, id) => read({ id, max: streams })));
  } finally {
    await pit.close();
  }
}

async function* pages(
  client: ElasticClient,
  pit: PointInTime,
  asked: string,
  options: ScanOptions,
): AsyncGenerator<readonly Hit[]> {
  const { signal, patienceMs = usualPatienceMs } = options;
  const size = new PageSize(options.pageSize, options.source);
  let [read, total] = [0, 0];
  for (let after: ByteString | undefined; ;) {
    const position =
      after === undefined ? '"track_total_hits":true' : `"track_total_hits":false,"search_after":${after}`;
    const ask = () => `{"size":${size.documents},"pit":${pit.asJson},${position},${asked}}`;
    const page = await persistently(() => readPage(client, ask(), size, signal), size, patienceMs, signal);
    pit.continueAs(page.pit);
    if (after === undefined) total = totalOf(page)?.count ?? 0;
    if (page.hits.length === 0) break;
    read += page.hits.length;
    after = page.hits.at(-1)!.sort;
    yield page.hits;
  }
  if (read !== total)
    throw new IncompleteScan(`${client.name} has ${counted(total, 'hit')}, and its pages had ${read}`);
}

/** What is the same on every page: members of a JSON object. */
function question(
  { filter = { match_all: {} }, source = true, versions = true }: ScanOptions,
  keys: readonly object[],
  slice: ScanOptions['slice'],
): string {
  return (
    `"_source":${source},"version":${versions},"seq_no_primary_term":${versions},` +
    `"sort":${JSON.stringify(keys)},"query":${JSON.stringify(filter)}` +
    (slice === undefined ? '' : `,"slice":${JSON.stringify(slice)}`)
  );
}

async function readPage(
  client: ElasticClient,
  body: string,
  size: PageSize,
  signal: AbortSignal,
): Promise<Answer> {
  const asked = {
    method: 'POST',
    path: '/_search',
    query: { allow_partial_search_results: 'false' },
    body,
  } as const;
  let answer: HttpAnswer;
  try {
    answer = await client.bytes(asked, signal);
  } catch (error) {
    if (!isPitLost(error)) throw error;
    throw new IncompleteScan(
      'the point in time that was read is gone: a node that held it left, or it was closed',
    );
  }
  const page = readAnswer(answer.body, client.name);
  size.saw(page.hits.length, answer.body.length);
  return page;
}

function isPitLost(error: unknown): boolean {
  return error instanceof SearchRefusal && error.status === 404;
}
