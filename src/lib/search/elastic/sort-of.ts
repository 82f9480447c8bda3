import type { SortKey } from '../query/question.js';

/** A sort key of the Query DSL. */
export function sortOf({ field, order, near }: SortKey): object {
  if (near === undefined) return { [field]: { order, missing: '_last' } };
  return { _geo_distance: { [field]: near, order, unit: 'm' } };
}
