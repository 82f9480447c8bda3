import { type ByteString, fromBytes } from '../../core/bytes.js';
import { eachMember, stringText } from '../../sources/json-members.js';
import type { AggregationResult, Found, FoundHit, NativeFound, Question } from '../query/question.js';
import { type Answer, readAnswer } from './answer.js';
import { corePath } from './client.js';
import { facetOf, facetResult, type Span } from './facets.js';
import { geoGrid } from './geo-grid.js';
import { fieldValue, luceneName } from './lucene-text.js';
import { type Asked, queryOf } from './query-of.js';
import { searchParameters } from './scan.js';
import type { SolrSchema } from './schema.js';
import { sortOf } from './sort-of.js';
import { fieldList, storedOf } from './stored.js';

/** Around a match: characters of no script, which stand in no document that means them as text. */
const [markStart, markEnd] = ['\ue000', '\ue001'];
/** Names of ours beside a document's members. */
const scoreName = '_score_';
const distanceName = '_distance_';

/** Hits and aggregations. @throws as SearchEngine.search */
export async function search(asked: Asked, question: Question): Promise<Found> {
  const { schema } = asked;
  const query = await queryOf(asked, question);
  const near = question.sort[0]?.near;
  const answer = await ask(asked, {
    query,
    fields: [
      fieldList(schema, 'all'),
      `${scoreName}:score`,
      ...(near === undefined
        ? []
        : [`${distanceName}:geodist(${question.sort[0]!.field},${near.lat},${near.lon})`]),
    ],
    limit: question.limit,
    ...(question.sort.length > 0 && {
      sort: [...question.sort.map((key) => sortOf(schema, key)), `${schema.uniqueKey} asc`].join(','),
    }),
    params: {
      ...(question.highlight && question.text !== undefined && highlighting(question.text.fields)),
      ...(question.explain && { debug: 'results', 'debug.explain.structured': 'true' }),
    },
  });
  const beside = {
    highlights: answer.highlighting === undefined ? undefined : highlightsById(answer.highlighting),
    explanations: answer.debug === undefined ? undefined : explanationsById(answer.debug),
  };
  return {
    total: { count: answer.found, atLeast: !answer.isExact },
    hits: answer.documents.map((raw) => foundHit(schema, raw, beside)),
    aggregations: await aggregated(asked, query, question),
  };
}

/** A search in Solr's JSON request language. @throws as SearchEngine.searchNative */
export async function searchNative(
  { client, core, schema, signal }: Asked,
  body: ByteString,
): Promise<NativeFound> {
  const { 'shards.tolerant': tolerant, indent, wt } = searchParameters;
  const answer = await client.bytes(
    {
      method: 'POST',
      path: corePath(core, 'select'),
      query: { 'shards.tolerant': tolerant, indent, wt },
      body: Buffer.from(body, 'latin1'),
    },
    signal,
  );
  const { documents, found, isExact, facets } = readAnswer(answer.body, client.name);
  return {
    total: { count: found, atLeast: !isExact },
    hits: documents.map((raw) => foundHit(schema, raw, {})),
    aggregations: facets,
  };
}

/** How many documents match. */
export async function countOf(asked: Asked, query: unknown): Promise<number> {
  return (await ask(asked, { query, limit: 0 })).found;
}

async function ask({ client, core, signal }: Asked, body: object): Promise<Answer> {
  const answer = await client.bytes(
    {
      method: 'POST',
      path: corePath(core, 'select'),
      query: searchParameters,
      body: JSON.stringify(body),
    },
    signal,
  );
  return readAnswer(answer.body, client.name);
}

async function aggregated(
  asked: Asked,
  query: unknown,
  { aggregations }: Question,
): Promise<Record<string, AggregationResult>> {
  const spans = await spansOf(asked, query, aggregations);
  const facet: Record<string, unknown> = {};
  for (const [i, aggregation] of aggregations.entries()) {
    const one = aggregation.kind === 'geo-grid' ? undefined : facetOf(aggregation, spans.get(i));
    if (one !== undefined) facet[`a${i}`] = one;
  }
  const read = await facetsOf(asked, query, facet);
  const results: Record<string, AggregationResult> = {};
  for (const [i, aggregation] of aggregations.entries())
    results[aggregation.name] =
      aggregation.kind === 'geo-grid'
        ? await geoGrid(asked, query, aggregation)
        : facetResult(aggregation, read.get(`a${i}`));
  return results;
}

/** By the position of the aggregation. */
async function spansOf(
  asked: Asked,
  query: unknown,
  aggregations: Question['aggregations'],
): Promise<ReadonlyMap<number, Span>> {
  const facet: Record<string, string> = {};
  for (const [i, { kind, field }] of aggregations.entries())
    if (kind === 'date-histogram')
      Object.assign(facet, {
        [`min${i}`]: `min(${fieldValue(field)})`,
        [`max${i}`]: `max(${fieldValue(field)})`,
      });
  const read = await facetsOf(asked, query, facet);
  const spans = new Map<number, Span>();
  for (const i of aggregations.keys()) {
    const [first, last] = [read.get(`min${i}`), read.get(`max${i}`)];
    if (first !== undefined && last !== undefined)
      spans.set(i, { first: new Date(Number(first)), last: new Date(Number(last)) });
  }
  return spans;
}

/** JSON by the name of the facet. */
async function facetsOf(
  asked: Asked,
  query: unknown,
  facet: Readonly<Record<string, unknown>>,
): Promise<ReadonlyMap<string, ByteString>> {
  const read = new Map<string, ByteString>();
  if (Object.keys(facet).length === 0) return read;
  const { facets } = await ask(asked, { query, limit: 0, facet });
  if (facets !== undefined) eachMember(facets, (name, value) => read.set(fromBytes(stringText(name)), value));
  return read;
}

function highlighting(fields: readonly string[]): Record<string, string> {
  return {
    hl: 'true',
    'hl.method': 'unified',
    'hl.fl': fields.map(luceneName).join(','),
    'hl.tag.pre': markStart,
    'hl.tag.post': markEnd,
  };
}

type Highlights = Readonly<Record<string, readonly string[]>>;

function highlightsById(json: ByteString): ReadonlyMap<string, Highlights> {
  const byId = Object.entries(JSON.parse(fromBytes(json)) as Record<string, Record<string, string[]>>);
  return new Map(
    byId.map(([id, fields]) => [
      id,
      Object.fromEntries(Object.entries(fields).filter(([, list]) => list.length > 0)),
    ]),
  );
}

function explanationsById(json: ByteString): ReadonlyMap<string, ByteString> {
  const byId = new Map<string, ByteString>();
  eachMember(json, (name, value) => {
    if (name === '"explain"')
      eachMember(value, (id, explanation) => byId.set(fromBytes(stringText(id)), explanation));
  });
  return byId;
}

function foundHit(
  schema: SolrSchema,
  raw: ByteString,
  {
    highlights,
    explanations,
  }: {
    readonly highlights?: ReadonlyMap<string, Highlights> | undefined;
    readonly explanations?: ReadonlyMap<string, ByteString> | undefined;
  },
): FoundHit {
  const { id, source, version } = storedOf(schema, raw, true);
  const ours = new Map<string, number>();
  eachMember(raw, (name, value) => {
    if (name === `"${scoreName}"` || name === `"${distanceName}"`) ours.set(name, Number(value));
  });
  const key = fromBytes(id);
  const distance = ours.get(`"${distanceName}"`);
  const marked = highlights?.get(key);
  const explanation = explanations?.get(key);
  return {
    id,
    source,
    version,
    score: ours.get(`"${scoreName}"`),
    // Of a document without a place it is the text "Infinity".
    ...(distance !== undefined && Number.isFinite(distance) && { distance: distance * 1000 }),
    ...(marked !== undefined && { highlights: marked }),
    ...(explanation !== undefined && { explanation }),
  };
}
