import type { SortKey } from '../query/question.js';

/** A sort key of Solr; documents without the field come last. Distances are in kilometres. */
export function sortOf({ field, order, near }: SortKey): string {
  return near === undefined
    ? `exists(${field}) desc,${field} ${order}`
    : `geodist(${field},${near.lat},${near.lon}) ${order}`;
}
