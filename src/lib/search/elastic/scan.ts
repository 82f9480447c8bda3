import { ANSWER_TOO_LARGE, HttpFailure } from '../../http/failure.js';
import { SearchRefusal } from '../../clients/search/refusal.js';
import type { ByteString } from '../../core/bytes.js';
import { systemClock } from '../../core/clock.js';
import { readAhead } from '../../core/read-ahead.js';
import { type Hit, IncompleteScan, type ScanOptions } from '../engine.js';
import { type Answer, readAnswer } from './answer.js';
import type { ElasticClient } from './client.js';
import { PageSize } from './page-size.js';
import { PointInTime } from './point-in-time.js';
import { sortOf } from './sort-of.js';

/** How long a page is asked for again, while the server is busy or does not answer. */
const usualPatienceMs = 30_000;
const firstPauseMs = 100;
const longestPauseMs = 5000;

/** All documents through a point in time; a page is read while the one before is worked on. @throws as SearchEngine.scan */
export function scan(
  client: ElasticClient,
  index: string,
  options: ScanOptions,
): AsyncIterable<readonly Hit[]> {
  return readAhead((signal) => pages(client, index, { ...options, signal }), options.signal);
}

async function* pages(
  client: ElasticClient,
  index: string,
  options: ScanOptions,
): AsyncGenerator<readonly Hit[]> {
  const { signal, patienceMs = usualPatienceMs } = options;
  const pit = await PointInTime.open(client, index, signal);
  try {
    const size = new PageSize(options.pageSize);
    const asked = question(options);
    for (let after: ByteString | undefined; ;) {
      const position = after === undefined ? '' : `"search_after":${after},`;
      const ask = () => `{"size":${size.documents},"pit":${pit.asJson},${position}${asked}}`;
      const page = await persistently(() => readPage(client, ask(), size, signal), size, patienceMs, signal);
      pit.continueAs(page.pit);
      if (page.hits.length === 0) return;
      after = page.hits.at(-1)!.sort;
      yield page.hits;
    }
  } finally {
    await pit.close();
  }
}

/** What is the same on every page: members of a JSON object. */
function question({ filter = { match_all: {} }, source = true, slice, sort = [] }: ScanOptions): string {
  const keys = [...sort.map(sortOf), { _shard_doc: 'asc' }];
  return (
    `"track_total_hits":false,"_source":${source},"version":true,"seq_no_primary_term":true,` +
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
  const answer = await client.bytes(asked, signal);
  const page = readAnswer(answer.body, client.name);
  size.saw(page.hits.length, answer.body.length);
  return page;
}

/**
 * Asks for a page until it comes: the same page again has the same documents. What was too much for the server, or for us, is
 * asked for in smaller pages.
 */
async function persistently(
  read: () => Promise<Answer>,
  size: PageSize,
  patienceMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  const until = systemClock.monotonic() + patienceMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await read();
    } catch (error) {
      signal.throwIfAborted();
      if (isPitLost(error))
        throw new IncompleteScan(
          'the point in time that was read is gone: a node that held it left, or it was closed',
        );
      const isTooLarge = error instanceof HttpFailure && error.code === ANSWER_TOO_LARGE;
      if (isTooLarge ? !size.shrink() : !isPassing(error)) throw error;
      if (isTooLarge) continue;
      size.shrink();
      if (systemClock.monotonic() + pauseMs > until) throw error;
      await systemClock.sleep(pauseMs, signal);
    }
  }
}

const passing = new Set([429, 502, 503, 504]);

function isPassing(error: unknown): boolean {
  return error instanceof SearchRefusal ? passing.has(error.status) : error instanceof HttpFailure;
}

function isPitLost(error: unknown): boolean {
  return error instanceof SearchRefusal && error.status === 404;
}
