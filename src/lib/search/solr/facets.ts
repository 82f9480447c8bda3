import { type ByteString, fromBytes } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { JsonCursor } from '../../sources/json-cursor.js';
import { memberText } from '../../sources/json-members.js';
import type { Aggregation, AggregationResult } from '../query/question.js';
import { fieldValue } from './lucene-text.js';
import { gapOf, startOf } from './intervals.js';

type Faceted = Exclude<Aggregation, { readonly kind: 'geo-grid' }>;

/** The first and last time of an aggregation by intervals: Solr wants to know them beforehand. */
export interface Span {
  readonly first: Date;
  readonly last: Date;
}

/** As Elasticsearch has it. */
const mostBuckets = 65_536;

/** @param span undefined where no document has the field @throws UserError `TOO_MANY_BUCKETS` */
export function facetOf(aggregation: Faceted, span: Span | undefined): unknown {
  const { field } = aggregation;
  switch (aggregation.kind) {
    case 'terms':
      return {
        type: 'terms',
        field,
        limit: aggregation.size,
        sort: 'count desc',
        allBuckets: true,
        // Each shard gives its most frequent terms: with more of them fewer are missed. What is shown is counted on all.
        overrequest: 9 * aggregation.size + 1000,
        refine: true,
      };
    case 'percentiles':
      return `percentile(${fieldValue(field)},${aggregation.percents.join(',')})`;
    case 'date-histogram': {
      if (span === undefined) return undefined;
      const start = startOf(aggregation.interval, span.first);
      const end = new Date(span.last.getTime() + 1);
      const { gap, leastMs } = gapOf(aggregation.interval);
      if ((end.getTime() - start.getTime()) / leastMs > mostBuckets)
        throw new UserError(
          `${field} would have more than ${mostBuckets} intervals of ${aggregation.interval}`,
          {
            code: 'TOO_MANY_BUCKETS',
            hint: 'Give a longer interval, or filters that leave fewer documents.',
          },
        );
      return {
        type: 'range',
        field,
        start: start.toISOString(),
        end: end.toISOString(),
        gap,
        mincount: 1,
      };
    }
  }
}

/** @param json the facet of the aggregation; undefined where there is none */
export function facetResult(aggregation: Faceted, json: ByteString | undefined): AggregationResult {
  if (aggregation.kind === 'percentiles') {
    const read = json === undefined ? null : (JSON.parse(json) as unknown);
    const list = Array.isArray(read) ? read : [read];
    const values = aggregation.percents.map((percent, i) => ({ percent, value: finite(list[i]) }));
    return { kind: 'values', values };
  }
  let all: number | undefined;
  const read: { readonly key: string; readonly count: number }[] = [];
  const cursor = new JsonCursor(json ?? ('{}' as ByteString));
  cursor.members((name) => {
    if (name === '"buckets"') cursor.elements(() => read.push(readBucket(cursor)));
    else if (name === '"allBuckets"') all = readBucket(cursor).count;
    else cursor.skip();
  });
  if (aggregation.kind === 'date-histogram') {
    const buckets = read.map(({ key, count }) => ({ key: new Date(key).toISOString(), count }));
    return { kind: 'buckets', buckets, isCut: false };
  }
  const otherCount = (all ?? 0) - read.reduce((sum, { count }) => sum + count, 0);
  return { kind: 'buckets', buckets: read, isCut: otherCount > 0, otherCount: Math.max(0, otherCount) };
}

function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function readBucket(cursor: JsonCursor): { readonly key: string; readonly count: number } {
  let key = '';
  let count = 0;
  cursor.members((name) => {
    // Numbers as they are: they may be integers of 64 bits.
    if (name === '"val"') key = fromBytes(memberText(cursor.value()) ?? ('' as ByteString));
    else if (name === '"count"') count = Number(cursor.value());
    else cursor.skip();
  });
  return { key, count };
}
