import type { Filter } from '../query/question.js';
import { decimalOf } from './kept-value.js';
import { luceneName, luceneQuoted } from './lucene-text.js';
import type { SolrSchema } from './schema.js';

type Range = Extract<Filter, { readonly kind: 'range' | 'time' }>;

interface Bound {
  readonly value: string;
  readonly isIncluded: boolean;
}

/** Of numbers as digits, or of texts. */
export function rangeClause(schema: SolrSchema, filter: Range): unknown {
  const kind = schema.fieldOf(filter.field)?.kind;
  const low = boundOf(filter.gte, filter.gt);
  const high = boundOf(filter.lte, filter.lt);
  if (kind !== 'int' && kind !== 'long') return clause(filter.field, low, high);
  const bits = kind === 'int' ? 31n : 63n;
  const [least, most] = [-(2n ** bits), 2n ** bits - 1n];
  // Solr takes whole numbers only, and only those that the field could hold.
  const from = low && wholeOf(low.value, 'up', low.isIncluded ? 0n : 1n);
  const to = high && wholeOf(high.value, 'down', high.isIncluded ? 0n : -1n);
  if ((from !== undefined && from > most) || (to !== undefined && to < least)) return nothing;
  return clause(
    filter.field,
    from === undefined || from < least ? undefined : { value: String(from), isIncluded: true },
    to === undefined || to > most ? undefined : { value: String(to), isIncluded: true },
  );
}

/** Times with any zone; Solr keeps milliseconds, in UTC. */
export function timeClause(filter: Range): unknown {
  const [low, high] = [boundOf(filter.gte, filter.gt), boundOf(filter.lte, filter.lt)].map(
    (bound) => bound && { ...bound, value: new Date(bound.value).toISOString() },
  );
  return clause(filter.field, low, high);
}

const nothing = { bool: { must_not: ['*:*'] } };

function boundOf(included: string | undefined, excluded: string | undefined): Bound | undefined {
  const value = included ?? excluded;
  return value === undefined ? undefined : { value, isIncluded: included !== undefined };
}

function clause(field: string, low: Bound | undefined, high: Bound | undefined): unknown {
  const from = low === undefined ? '[*' : `${low.isIncluded ? '[' : '{'}${luceneQuoted(low.value)}`;
  const to = high === undefined ? '*]' : `${luceneQuoted(high.value)}${high.isIncluded ? ']' : '}'}`;
  return { lucene: { query: `${luceneName(field)}:${from} TO ${to}` } };
}

/** The next whole number in that direction; of one that is whole, `step` from it. */
function wholeOf(digits: string, direction: 'up' | 'down', step: bigint): bigint {
  const { figures, exponent } = decimalOf(digits);
  const isNegative = digits.startsWith('-');
  if (figures === '') return step;
  if (exponent >= 0) {
    const value = BigInt(figures) * 10n ** BigInt(Math.min(exponent, 40));
    return (isNegative ? -value : value) + step;
  }
  const cut = figures.length + exponent > 0 ? BigInt(figures.slice(0, exponent)) : 0n;
  if (isNegative) return direction === 'up' ? -cut : -cut - 1n;
  return direction === 'up' ? cut + 1n : cut;
}
