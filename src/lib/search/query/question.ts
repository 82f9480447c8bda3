import type { ByteString } from '../../core/bytes.js';
import type { Hit } from '../engine.js';

/** What is asked of an index, in no engine's language. Values are plain text: no character of them is an operator. */
export interface Question {
  readonly text?: TextMatch | undefined;
  /** All of them must hold. */
  readonly filters: readonly Filter[];
  /** Default: by score where there is a text, else in no order. */
  readonly sort: readonly SortKey[];
  readonly aggregations: readonly Aggregation[];
  /** Maximum hits. */
  readonly limit: number;
  readonly highlight: boolean;
  /** Why each hit has its score. */
  readonly explain: boolean;
}

/**
 * Documents that have the words, each in any of the fields, or the whole text as a keyword; those that have more of them, and
 * more exactly, are better. A text without a word finds nothing.
 */
export interface TextMatch {
  readonly query: string;
  /** How many of the words a document must have. Words are what is between spaces. */
  readonly words: 'all' | 'any';
  /** Fields of text. */
  readonly fields: readonly string[];
  /** Keywords, each compared with all of the query. */
  readonly whole: readonly string[];
  /** Fields of text whose words must be equal, such as those of first letters. */
  readonly exact: readonly string[];
  /**
   * How many insertions, deletions, replacements and swaps of neighbours a word may be away, where both are longer than that.
   * Every such word is found. `auto`: 0 for a word of up to 2 letters, 1 up to 5, else 2.
   */
  readonly fuzziness: Fuzziness;
}

export type Fuzziness = 'auto' | 0 | 1 | 2;

export interface Place {
  /** Degrees, −90 to 90. */
  readonly lat: number;
  /** Degrees, −180 to 180. */
  readonly lon: number;
}

/** Rings are closed: outer ring first, then holes. */
export type Polygon = readonly (readonly Place[])[];

export type Filter =
  /** Exactly one of the values. */
  | { readonly kind: 'term'; readonly field: string; readonly values: readonly string[] }
  /** `range`: numbers as digits. `time`: ISO 8601 with a zone. */
  | {
      readonly kind: 'range' | 'time';
      readonly field: string;
      readonly gte?: string | undefined;
      readonly gt?: string | undefined;
      readonly lte?: string | undefined;
      readonly lt?: string | undefined;
    }
  | { readonly kind: 'distance'; readonly field: string; readonly center: Place; readonly meters: number }
  /** Where west > east it lies over the date line. */
  | {
      readonly kind: 'box';
      readonly field: string;
      readonly north: number;
      readonly south: number;
      readonly west: number;
      readonly east: number;
    }
  /** In one of them, or on its rim. None lies over the date line; edges are straight in degrees; outer rings run counterclockwise. */
  | { readonly kind: 'polygon'; readonly field: string; readonly polygons: readonly Polygon[] };

/** Documents without the field come last. */
export interface SortKey {
  readonly field: string;
  readonly order: 'asc' | 'desc';
  /** By the distance of the field's place from this one. */
  readonly near?: Place | undefined;
}

export type Aggregation = { readonly name: string; readonly field: string } & (
  | { readonly kind: 'terms'; readonly size: number }
  /** A number and one of `s m h d w M q y`: `15m`; weeks, months, quarters and years are of the calendar, and one. In UTC. */
  | { readonly kind: 'date-histogram'; readonly interval: string }
  /** In percent. */
  | { readonly kind: 'percentiles'; readonly percents: readonly number[] }
  /** By geohash. @param precision its letters, 1 to 12 */
  | { readonly kind: 'geo-grid'; readonly precision: number; readonly size: number }
);

export interface Total {
  readonly count: number;
  /** Counting ended there. */
  readonly atLeast: boolean;
}

export interface Found {
  readonly total: Total;
  readonly hits: readonly FoundHit[];
  readonly aggregations: Readonly<Record<string, AggregationResult>>;
}

/** The answer to a question in the engine's own language. */
export interface NativeFound {
  /** Undefined where it was not counted. */
  readonly total: Total | undefined;
  readonly hits: readonly FoundHit[];
  /** JSON, as the engine answers; undefined where none were asked for. */
  readonly aggregations: ByteString | undefined;
}

export interface FoundHit extends Hit {
  readonly score?: number | undefined;
  /** From the place of the first sort key, in metres. */
  readonly distance?: number | undefined;
  /** By field: passages with the matches between U+E000 and U+E001, so that nothing of the document is taken for a mark. */
  readonly highlights?: Readonly<Record<string, readonly string[]>> | undefined;
  /** The engine's own, as JSON. */
  readonly explanation?: ByteString | undefined;
}

export type AggregationResult =
  | {
      readonly kind: 'buckets';
      /** Keys: terms as text, the beginnings of intervals in ISO 8601, geohashes. */
      readonly buckets: readonly { readonly key: string; readonly count: number }[];
      /** There are more buckets. */
      readonly isCut: boolean;
      /** Documents in no bucket that is shown, where the engine says it. */
      readonly otherCount?: number | undefined;
      /** By how much a count may be too low: shards were asked for their most frequent terms only. */
      readonly countError?: number | undefined;
    }
  | {
      readonly kind: 'values';
      readonly values: readonly { readonly percent: number; readonly value: number | null }[];
    };
