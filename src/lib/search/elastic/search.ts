import { UserError } from '../../core/errors.js';
import { type ByteString, fromBytes } from '../../core/bytes.js';
import { SearchRefusal } from '../../clients/search/refusal.js';
import type { Found, FoundHit, NativeFound, Question } from '../query/question.js';
import { aggregationsOf, readAggregations } from './aggregations.js';
import { type Answer, type AnswerHit, readAnswer, totalOf } from './answer.js';
import type { ElasticClient } from './client.js';
import { queryOf } from './query-of.js';
import { sortOf } from './sort-of.js';

/** Around a match: characters of no script, which stand in no document that means them as text. */
const [markStart, markEnd] = ['\ue000', '\ue001'];

/** Hits and aggregations of one request. @throws as SearchEngine.search */
export async function search(
  client: ElasticClient,
  index: string,
  question: Question,
  signal: AbortSignal,
): Promise<Found> {
  const answer = await ask(client, index, JSON.stringify(bodyOf(question)), signal);
  const byDistance = question.sort[0]?.near !== undefined;
  return {
    total: totalOf(answer)!,
    hits: answer.hits.map((hit) => {
      const { score, ...found } = foundHit(hit, byDistance);
      // Without a text it is the same of all.
      return question.text === undefined ? found : { ...found, score };
    }),
    aggregations: readAggregations(question.aggregations, answer.aggregations),
  };
}

/** A search in the Query DSL. @throws as SearchEngine.searchNative */
export async function searchNative(
  client: ElasticClient,
  index: string,
  body: ByteString,
  signal: AbortSignal,
): Promise<NativeFound> {
  const answer = await ask(client, index, Buffer.from(body, 'latin1'), signal);
  return {
    total: totalOf(answer),
    hits: answer.hits.map((hit) => foundHit(hit, false)),
    aggregations: answer.aggregations,
  };
}

async function ask(
  client: ElasticClient,
  index: string,
  body: string | Buffer,
  signal: AbortSignal,
): Promise<Answer> {
  const path = `/${encodeURIComponent(index)}/_search`;
  const query = { allow_partial_search_results: 'false' };
  try {
    const answer = await client.bytes({ method: 'POST', path, query, body }, signal);
    return readAnswer(answer.body, client.name);
  } catch (error) {
    if (error instanceof SearchRefusal && /too_many_buckets/.test(`${error.type} ${error.reason}`))
      throw new UserError(`an aggregation has more buckets than ${client.name} makes: ${error.reason}`, {
        code: 'TOO_MANY_BUCKETS',
        hint: 'Give a longer interval, or filters that leave fewer documents.',
        cause: error,
      });
    throw error;
  }
}

function bodyOf({ text, filters, sort, aggregations, limit, highlight, explain }: Question): object {
  return {
    query: queryOf({ text, filters }),
    size: limit,
    track_total_hits: true,
    version: true,
    seq_no_primary_term: true,
    ...(sort.length > 0 && { sort: sort.map(sortOf) }),
    ...(aggregations.length > 0 && { aggregations: aggregationsOf(aggregations) }),
    ...(explain && { explain }),
    ...(highlight &&
      text !== undefined && {
        highlight: {
          pre_tags: [markStart],
          post_tags: [markEnd],
          fields: Object.fromEntries(text.fields.map((field) => [field, {}])),
        },
      }),
  };
}

function foundHit({ sort, highlight, ...hit }: AnswerHit, byDistance: boolean): FoundHit {
  const distance = byDistance && sort !== undefined ? (JSON.parse(sort) as unknown[])[0] : undefined;
  return {
    ...hit,
    // Of a document without a place it is the text "Infinity".
    ...(typeof distance === 'number' && { distance }),
    ...(highlight !== undefined && {
      highlights: JSON.parse(fromBytes(highlight)) as Record<string, string[]>,
    }),
  };
}
