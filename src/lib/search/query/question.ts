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

export interface TextMatch {
  readonly query: string;
  readonly fields: readonly string[];
  /** Edit distance; `auto` grows with the length of a word. */
  readonly fuzziness: 'auto' | 0 | 1 | 2;
}

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
  /** Numbers as digits, times as ISO 8601. */
  | {
      readonly kind: 'range';
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
  /** In one of them; already cut at the date line. */
  | { readonly kind: 'polygon'; readonly field: string; readonly polygons: readonly Polygon[] };

export interface SortKey {
  readonly field: string;
  readonly order: 'asc' | 'desc';
}

export type Aggregation = { readonly name: string; readonly field: string } & (
  | { readonly kind: 'terms'; readonly size: number }
  /** `1h`, `1d`, `1M`; in UTC. */
  | { readonly kind: 'date-histogram'; readonly interval: string }
  /** In percent. */
  | { readonly kind: 'percentiles'; readonly percents: readonly number[] }
  | { readonly kind: 'geo-grid'; readonly precision: number }
);

export interface Found {
  /** `atLeast`: counting ended there. */
  readonly total: { readonly count: number; readonly atLeast: boolean };
  readonly hits: readonly FoundHit[];
  readonly aggregations: Readonly<Record<string, AggregationResult>>;
}

export interface FoundHit extends Hit {
  readonly score?: number | undefined;
  /** By field: passages with the matches between U+E000 and U+E001, so that nothing of the document is taken for a mark. */
  readonly highlights?: Readonly<Record<string, readonly string[]>> | undefined;
  /** The engine's own, as JSON. */
  readonly explanation?: ByteString | undefined;
}

export type AggregationResult =
  | {
      readonly kind: 'buckets';
      readonly buckets: readonly { readonly key: string; readonly count: number }[];
      /** Documents in no bucket that is shown. */
      readonly otherCount?: number | undefined;
    }
  | {
      readonly kind: 'values';
      readonly values: readonly { readonly percent: number; readonly value: number | null }[];
    };
