import type { IndexField } from '../engine.js';
import { indexMissing } from '../index-missing.js';
import type { ElasticClient } from './client.js';

interface Capabilities {
  /** By field, then by type. */
  readonly fields: Readonly<Record<string, Readonly<Record<string, { readonly metadata_field?: boolean }>>>>;
}

/** The fields of the mappings behind a name. @throws UserError exit 2 `INDEX_MISSING` */
export async function indexFields(
  client: ElasticClient,
  index: string,
  signal: AbortSignal,
): Promise<readonly IndexField[]> {
  const { fields } = await client.json<Partial<Capabilities>>(
    { path: `/${encodeURIComponent(index)}/_field_caps`, query: { fields: '*' }, expected: [404] },
    signal,
  );
  if (fields === undefined) throw indexMissing(client.name, index);
  const found: IndexField[] = [];
  for (const [name, byType] of Object.entries(fields)) {
    const kinds = new Set(
      Object.entries(byType)
        // Elasticsearch names metadata fields so since 7.13, and all begin with an underscore.
        .filter(
          ([type, { metadata_field }]) => type !== 'unmapped' && !(metadata_field ?? name.startsWith('_')),
        )
        .map(([type]) => kindOf(type)),
    );
    const [kind] = kinds;
    if (kind !== undefined) found.push({ name, kind: kinds.size > 1 ? 'mixed' : kind });
  }
  return found;
}

const kinds: Readonly<Record<string, IndexField['kind']>> = {
  text: 'text',
  match_only_text: 'text',
  search_as_you_type: 'text',
  keyword: 'keyword',
  constant_keyword: 'keyword',
  wildcard: 'keyword',
  long: 'number',
  integer: 'number',
  short: 'number',
  byte: 'number',
  double: 'number',
  float: 'number',
  half_float: 'number',
  scaled_float: 'number',
  unsigned_long: 'number',
  date: 'date',
  date_nanos: 'date',
  boolean: 'boolean',
  geo_point: 'geo',
};

function kindOf(type: string): IndexField['kind'] {
  return kinds[type] ?? 'other';
}
