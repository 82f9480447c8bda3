import { type ByteString, fromBytes } from '../../core/bytes.js';
import { JsonCursor } from '../../sources/json-cursor.js';
import { memberText } from '../../sources/json-members.js';
import type { Aggregation, AggregationResult } from '../query/question.js';

/** What the server is asked for; names are their numbers, since names of servers exclude some characters. */
export function aggregationsOf(aggregations: readonly Aggregation[]): object {
  return Object.fromEntries(aggregations.map((aggregation, i) => [`a${i}`, bodyOf(aggregation)]));
}

function bodyOf(aggregation: Aggregation): object {
  const { field } = aggregation;
  switch (aggregation.kind) {
    case 'terms':
      // Each shard gives its most frequent terms: with more of them the sums are right more often.
      return { terms: { field, size: aggregation.size, shard_size: 10 * aggregation.size + 1000 } };
    case 'date-histogram': {
      const isCalendar = /[wMqy]$/.test(aggregation.interval);
      const interval = { [isCalendar ? 'calendar_interval' : 'fixed_interval']: aggregation.interval };
      return { date_histogram: { field, ...interval, min_doc_count: 1 } };
    }
    case 'percentiles':
      return { percentiles: { field, percents: aggregation.percents, keyed: false } };
    case 'geo-grid':
      // One more than is shown tells that there are more.
      return { geohash_grid: { field, precision: aggregation.precision, size: aggregation.size + 1 } };
  }
}

/** @param json the answer's aggregations */
export function readAggregations(
  aggregations: readonly Aggregation[],
  json: ByteString | undefined,
): Record<string, AggregationResult> {
  const raw = new Map<string, ByteString>();
  if (json !== undefined) {
    const cursor = new JsonCursor(json);
    cursor.members((name) => raw.set(name, cursor.value()));
  }
  return Object.fromEntries(
    aggregations.map((aggregation, i) => [
      aggregation.name,
      resultOf(aggregation, raw.get(`"a${i}"`) ?? ('{}' as ByteString)),
    ]),
  );
}

function resultOf(aggregation: Aggregation, json: ByteString): AggregationResult {
  if (aggregation.kind === 'percentiles') {
    const { values = [] } = JSON.parse(json) as { values?: readonly { key: number; value: number | null }[] };
    return { kind: 'values', values: values.map(({ key, value }) => ({ percent: key, value })) };
  }
  const { buckets: read, otherCount, countError } = readBuckets(json);
  if (aggregation.kind === 'date-histogram') {
    const buckets = read.map(({ rawKey, count }) => ({
      key: new Date(Number(rawKey)).toISOString(),
      count,
    }));
    return { kind: 'buckets', buckets, isCut: false };
  }
  const buckets = read.map(({ rawKey, text, count }) => ({ key: keyText(text ?? rawKey), count }));
  if (aggregation.kind === 'geo-grid') {
    const { size } = aggregation;
    return { kind: 'buckets', buckets: buckets.slice(0, size), isCut: buckets.length > size };
  }
  return { kind: 'buckets', buckets, isCut: otherCount > 0, otherCount, countError };
}

interface Bucket {
  /** JSON. */
  readonly rawKey: ByteString;
  /** JSON; of booleans and times. */
  readonly text: ByteString | undefined;
  readonly count: number;
}

function readBuckets(json: ByteString) {
  const buckets: Bucket[] = [];
  let otherCount = 0;
  let countError = 0;
  const cursor = new JsonCursor(json);
  cursor.members((name) => {
    if (name === '"sum_other_doc_count"') otherCount = Number(cursor.value());
    else if (name === '"doc_count_error_upper_bound"') countError = Number(cursor.value());
    else if (name === '"buckets"') cursor.elements(() => buckets.push(readBucket(cursor)));
    else cursor.skip();
  });
  return { buckets, otherCount, countError };
}

function readBucket(cursor: JsonCursor): Bucket {
  let rawKey = 'null' as ByteString;
  let text: ByteString | undefined;
  let count = 0;
  cursor.members((name) => {
    if (name === '"key"') rawKey = cursor.value();
    else if (name === '"key_as_string"') text = cursor.value();
    else if (name === '"doc_count"') count = Number(cursor.value());
    else cursor.skip();
  });
  return { rawKey, text, count };
}

/** Numbers as they are: they may be integers of 64 bits. */
function keyText(raw: ByteString): string {
  return fromBytes(memberText(raw) ?? ('' as ByteString));
}
