import type { SortKey } from '../query/question.js';

/** A sort key of Solr. Distances are in kilometres. */
export function sortOf({ field, order, near }: SortKey): string {
  return near === undefined ? `${field} ${order}` : `geodist(${field},${near.lat},${near.lon}) ${order}`;
}
