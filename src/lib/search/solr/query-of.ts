import type { Filter, Question } from '../query/question.js';
import { boxClause } from './box.js';
import type { SolrClient } from './client.js';
import { polygonClause } from './polygon-clause.js';
import { rangeClause, timeClause } from './range.js';
import type { SolrSchema } from './schema.js';
import { textClause } from './text.js';

/** Of whom a question is asked. */
export interface Asked {
  readonly client: SolrClient;
  readonly core: string;
  readonly schema: SolrSchema;
  readonly signal: AbortSignal;
}

/**
 * A question's text and filters in Solr's JSON query language. Values are parameters of their own there, or quoted: no
 * character of them is an operator.
 * @throws UserError for what Solr cannot be asked; as SolrClient.json
 */
export async function queryOf(
  asked: Asked,
  { text, filters }: Pick<Question, 'text' | 'filters'>,
): Promise<unknown> {
  const must = text === undefined ? '*:*' : await textClause(asked, text);
  const plain = filters.flatMap((filter) =>
    filter.kind === 'polygon' ? [] : [filterClause(asked.schema, filter)],
  );
  const narrowed = combined(must, plain);
  const polygons = [];
  for (const filter of filters)
    if (filter.kind === 'polygon') polygons.push(await polygonClause(asked, filter, narrowed));
  return combined(must, [...plain, ...polygons]);
}

function combined(must: unknown, filter: readonly unknown[]): unknown {
  return filter.length === 0 ? must : { bool: { must: [must], filter } };
}

function filterClause(schema: SolrSchema, filter: Exclude<Filter, { readonly kind: 'polygon' }>): unknown {
  switch (filter.kind) {
    case 'term':
      return { bool: { should: filter.values.map((query) => ({ term: { f: filter.field, query } })) } };
    case 'range':
      return rangeClause(schema, filter);
    case 'time':
      return timeClause(filter);
    case 'distance': {
      const { field, center, meters } = filter;
      return { geofilt: { sfield: field, pt: `${center.lat},${center.lon}`, d: meters / 1000 } };
    }
    case 'box':
      return boxClause(filter.field, [filter]);
  }
}
