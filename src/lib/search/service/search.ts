import { type ByteString, fromBytes } from '../../core/bytes.js';
import type { SearchEngine } from '../engine.js';
import { openEngine } from '../open-engine.js';
import { type Asked, questionOf } from '../query/asked.js';
import { exactValue } from '../query/exact-value.js';
import type { AggregationResult, FoundHit, Question } from '../query/question.js';
import { readQuestion, type SearchQuestion } from './question.js';
import { readConnectionSettings, type SearchConnectionSettings } from './settings.js';

export interface SearchHit {
  readonly id: string;
  /** The concrete index, where the engine says it. */
  readonly index?: string | undefined;
  readonly score?: number | undefined;
  /** From `near`, in metres, where that is the order. */
  readonly distance?: number | undefined;
  /** A number that a double does not hold is the text of its digits. */
  readonly document: Readonly<Record<string, unknown>>;
  /** The document as the server holds it. */
  readonly json: string;
  /** By field: passages with the matches between U+E000 and U+E001. */
  readonly highlights?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface SearchResult {
  readonly total: number;
  /** There are more. */
  readonly totalIsLowerBound: boolean;
  readonly hits: readonly SearchHit[];
  /** By what was asked for. */
  readonly aggregations: Readonly<Record<string, AggregationResult>>;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to a cluster, and asks what it is.
 * @throws UserError `SETTINGS_INVALID`, `NOT_A_SEARCH_SERVER`; ServiceUnavailable; ServiceRefused
 */
export async function openSearch(
  settings: SearchConnectionSettings,
  { signal = never() }: CallOptions = {},
): Promise<Search> {
  const { engine, settings: read, timeouts } = readConnectionSettings(settings);
  return new Search(await openEngine(engine, read, timeouts, signal));
}

/** A cluster to ask. */
export class Search {
  readonly #engine: SearchEngine;

  /** By `openSearch`. */
  constructor(engine: SearchEngine) {
    this.#engine = engine;
  }

  /** Of the index `sensors`. @throws as `query` */
  searchSensors(question: SearchQuestion, options?: CallOptions): Promise<SearchResult> {
    return this.query('sensors', question, options);
  }

  /**
   * Hits, the best first, and aggregations.
   * @param index an index, an alias, a data stream, or a pattern
   * @throws UserError `SETTINGS_INVALID`, `FIELD_UNKNOWN`, `FIELD_UNFIT`, `FIELD_UNCLEAR`, `TIME_INVALID`, `AGGREGATION_INVALID`,
   * `GEOJSON_INVALID`; ServiceUnavailable, also when a shard is missing; the signal's reason
   */
  async query(
    index: string,
    question: SearchQuestion,
    { signal = never() }: CallOptions = {},
  ): Promise<SearchResult> {
    const asked = await this.#question(index, readQuestion('query', question), signal);
    const { total, hits, aggregations } = await this.#engine.search(index, asked, signal);
    return { total: total.count, totalIsLowerBound: total.atLeast, hits: hits.map(hitOf), aggregations };
  }

  /**
   * Every hit, each exactly once, as of one moment; in no order unless `sort` gives one. Documents are read ahead.
   * @throws as `query`; a scan that could not be ended throws, and does not end
   */
  async *all(
    index: string,
    question: Omit<SearchQuestion, 'limit' | 'aggregations' | 'highlight'> = {},
    { signal = never() }: CallOptions = {},
  ): AsyncGenerator<SearchHit> {
    const asked = await this.#question(index, readQuestion('all', question), signal);
    const filter = this.#engine.filterOf(asked);
    for await (const hits of this.#engine.scan(index, { signal, filter, sort: asked.sort, versions: false }))
      yield* hits.map(hitOf);
  }

  close(): void {
    this.#engine.close();
  }

  async #question(index: string, asked: Asked, signal: AbortSignal): Promise<Question> {
    return questionOf(asked, index, await this.#engine.fields(index, signal), Date.now());
  }
}

/** One question to the index `sensors` of a cluster. @throws as `openSearch` and `Search.query` */
export async function searchSensors(
  {
    connection,
    ...question
  }: SearchQuestion & { readonly connection?: SearchConnectionSettings | undefined },
  options?: CallOptions,
): Promise<SearchResult> {
  const search = await openSearch(connection ?? { url: 'http://127.0.0.1:9200' }, options);
  try {
    return await search.searchSensors(question, options);
  } finally {
    search.close();
  }
}

function hitOf({ id, index, score, distance, source, highlights }: FoundHit): SearchHit {
  const json = source === '' ? ('{}' as ByteString) : source;
  return {
    id: fromBytes(id),
    index,
    score,
    distance,
    document: exactValue(json) as Record<string, unknown>,
    json: fromBytes(json),
    highlights,
  };
}

function never(): AbortSignal {
  return new AbortController().signal;
}
