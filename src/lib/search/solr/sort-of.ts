import type { SortKey } from '../query/question.js';
import { fieldValue } from './lucene-text.js';
import type { SolrSchema } from './schema.js';

/** A sort key of Solr; documents without the field come last. Distances are in kilometres. */
export function sortOf(schema: SolrSchema, { field, order, near }: SortKey): string {
  if (near !== undefined) return `geodist(${field},${near.lat},${near.lon}) ${order}`;
  // Solr knows of one value only whether it is there.
  const exists = schema.fieldOf(field)?.multiValued === true ? '' : `exists(${fieldValue(field)}) desc,`;
  return `${exists}${field} ${order}`;
}
