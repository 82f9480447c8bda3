import * as z from 'zod/mini';

import { UserError } from '../../core/errors.js';
import { read } from '../../core/schema/findings.js';
import { parseAggregation } from '../query/aggregation-spec.js';
import type { Asked } from '../query/asked.js';
import { readPolygons } from '../query/geojson.js';
import { type Box, isPlace, parseDistance } from '../query/place.js';
import type { Place } from '../query/question.js';
import { parseSort } from '../query/sort-spec.js';
import { invalid } from './settings.js';

/** What is asked of an index; all conditions must hold. The flags of `metrify search query` are the same. */
export interface SearchQuestion {
  /** Words: documents with all of them are found, the best first. No character of it is an operator. */
  readonly query?: string | undefined;
  /** One of the words is enough. */
  readonly anyWord?: boolean | undefined;
  /** How many letters a word may differ by. Default `auto`: grows with its length. */
  readonly fuzziness?: 'auto' | 0 | 1 | 2 | undefined;
  /** In the field `type`; of several, any. */
  readonly sensorType?: string | readonly string[] | undefined;
  /** In the field `value`, or `valueField`. Numbers beyond 2^53 as text. */
  readonly minValue?: number | string | undefined;
  readonly maxValue?: number | string | undefined;
  readonly valueField?: string | undefined;
  /** `2026-11-29T14:30`, `now-7d`, or a Date; in the field `@timestamp` or `time`, or `timeField`. */
  readonly from?: string | Date | undefined;
  /** Before this time. */
  readonly to?: string | Date | undefined;
  readonly timeField?: string | undefined;
  /** Nearest first, unless there is a `query` or a `sort`. */
  readonly near?: Place | undefined;
  /** From `near`: metres, or text with a unit: `300m 5km 3mi`. */
  readonly within?: number | string | undefined;
  /** Degrees; over the date line `west` is greater than `east`. */
  readonly box?: Box | undefined;
  /** GeoJSON of polygons: an object, or its text. */
  readonly polygon?: object | string | undefined;
  /** Of `near`, `box` and `polygon`: `location` by default, or the only field that is a place. */
  readonly placeField?: string | undefined;
  /** Exact values; of a list, any. */
  readonly where?: Readonly<Record<string, Value | readonly Value[]>> | undefined;
  /** `terms:type:20`, `date:time:1h`, `percentiles:value:50,99`, `geo:location:5`. */
  readonly aggregations?: readonly string[] | undefined;
  /** `value:desc`. */
  readonly sort?: readonly string[] | undefined;
  /** Maximum hits, up to 10,000. Default 20. */
  readonly limit?: number | undefined;
  readonly highlight?: boolean | undefined;
}

type Value = string | number | boolean;

const strings = z.union([z.string(), z.array(z.string())]);
const numeric = z.union([
  z.number(),
  z.string().check(z.regex(/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/, 'must be a number')),
]);
const time = z.union([z.string(), z.date()]);
const value = z.union([z.string(), z.number(), z.boolean()]);
const degrees = z.number();

const schema = z.strictObject({
  query: z.optional(z.string()),
  anyWord: z.optional(z.boolean()),
  fuzziness: z.optional(z.union([z.literal('auto'), z.literal(0), z.literal(1), z.literal(2)])),
  sensorType: z.optional(strings),
  minValue: z.optional(numeric),
  maxValue: z.optional(numeric),
  valueField: z.optional(z.string()),
  from: z.optional(time),
  to: z.optional(time),
  timeField: z.optional(z.string()),
  near: z.optional(
    z.strictObject({ lat: degrees, lon: degrees }).check(z.refine(isPlace, 'must be a place')),
  ),
  within: z.optional(z.union([z.number(), z.string()])),
  box: z.optional(z.strictObject({ west: degrees, south: degrees, east: degrees, north: degrees })),
  polygon: z.optional(z.union([z.string(), z.record(z.string(), z.unknown())])),
  placeField: z.optional(z.string()),
  where: z.optional(z.record(z.string(), z.union([value, z.array(value)]))),
  aggregations: z.optional(z.array(z.string())),
  sort: z.optional(z.array(z.string())),
  limit: z.optional(z.int().check(z.minimum(0), z.maximum(10_000))),
  highlight: z.optional(z.boolean()),
});

const usualLimit = 20;

/** @throws UserError `SETTINGS_INVALID`, with everything that is wrong; as its parts are read */
export function readQuestion(caller: string, given: SearchQuestion): Asked {
  const { value: read_, findings } = read(schema, given);
  if (read_ === undefined) throw invalid(caller, findings);
  const {
    query,
    sensorType,
    minValue,
    maxValue,
    from,
    to,
    within,
    polygon,
    where,
    aggregations,
    sort,
    ...same
  } = read_;
  return {
    ...same,
    text: query,
    types: listOf(sensorType),
    minValue: minValue === undefined ? undefined : String(minValue),
    maxValue: maxValue === undefined ? undefined : String(maxValue),
    from: timeText(from),
    to: timeText(to),
    withinMeters: typeof within === 'string' ? parseDistance(within) : within,
    polygons:
      polygon === undefined
        ? undefined
        : readPolygons(typeof polygon === 'string' ? polygon : JSON.stringify(polygon), 'polygon'),
    where: Object.entries(where ?? {}).flatMap(([field, values]) =>
      listOf(values).map((one) => [field, String(one)] as const),
    ),
    aggregations: aggregations?.map(parseAggregation),
    sort: sort?.map(parseSort),
    limit: same.limit ?? usualLimit,
  };
}

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function timeText(time: string | Date | undefined): string | undefined {
  if (!(time instanceof Date)) return time;
  if (Number.isNaN(time.getTime())) throw new UserError('a Date is no time', { code: 'TIME_INVALID' });
  return time.toISOString();
}
