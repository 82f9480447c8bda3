import type { SortKey } from '../query/question.js';
import type { ElasticClient } from './client.js';

/** A sort key of the Query DSL. */
export function sortOf({ field, order, near }: SortKey): object {
  if (near === undefined) return { [field]: { order, missing: '_last' } };
  return { _geo_distance: { [field]: near, order, unit: 'm' } };
}

/** Of times of nanoseconds, 11 April 2262: milliseconds since the epoch. */
const lastMs = 9_223_372_036_853;

interface Types {
  /** By field, then by type. */
  readonly fields: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/**
 * Sort keys whose values can be given back as `search_after`. OpenSearch answers times of nanoseconds with a number that it reads
 * as another time, and takes no `_last` for them: there they are sorted by the millisecond, and missing ones are its first or last time.
 */
export async function repeatableSort(
  client: ElasticClient,
  index: string,
  sort: readonly SortKey[],
  signal: AbortSignal,
): Promise<readonly object[]> {
  const keys = sort.map(sortOf);
  if (client.kind !== 'opensearch' || sort.length === 0) return keys;
  const names = sort.map(({ field }) => field);
  const { fields } = await client.json<Types>(
    { path: `/${encodeURIComponent(index)}/_field_caps`, query: { fields: names.join(',') } },
    signal,
  );
  return sort.map(({ field, order, near }, i) =>
    near === undefined && 'date_nanos' in (fields[field] ?? {})
      ? { [field]: { order, missing: order === 'asc' ? lastMs : 0, numeric_type: 'date' } }
      : keys[i]!,
  );
}
