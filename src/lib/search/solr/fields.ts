import type { IndexField } from '../engine.js';
import { corePath, type SolrClient } from './client.js';
import { type FieldKind, type SolrField, type SolrSchema, solrsOwn } from './schema.js';

/** Fields of the schema, and those of dynamic fields that documents have. */
export async function fieldsOf(
  client: SolrClient,
  core: string,
  schema: SolrSchema,
  signal: AbortSignal,
): Promise<readonly IndexField[]> {
  const { fields: used } = await client.json<{ fields?: Record<string, unknown> }>(
    { path: corePath(core, 'admin/luke'), query: { numTerms: '0' } },
    signal,
  );
  const found = new Map(schema.fields.map((field) => [field.name, field]));
  for (const name of Object.keys(used ?? {})) {
    const field = schema.fieldOf(name);
    if (field !== undefined) found.set(name, field);
  }
  return [...found.values()]
    .filter(({ name, indexed }) => indexed && !solrsOwn.has(name))
    .map((field) => ({ name: field.name, kind: kindOf(field) }));
}

const kinds: Readonly<Record<FieldKind, IndexField['kind']>> = {
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  date: 'date',
  place: 'geo',
  text: 'text',
  keyword: 'keyword',
  boolean: 'boolean',
  other: 'other',
};

function kindOf({ kind }: SolrField): IndexField['kind'] {
  return kinds[kind];
}
