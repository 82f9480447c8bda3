import type { ElasticClient } from './client.js';

type Members = Readonly<Record<string, unknown>>;

/** Of the indices behind a name, why one does not give its documents as they were written; undefined when all do. */
export async function whyAnyIncomplete(
  client: ElasticClient,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const indices = await client.json<
    Record<string, { readonly settings: Members; readonly mappings: Members }>
  >({ path: `/${encodeURIComponent(name)}`, query: { flat_settings: 'true' } }, signal);
  for (const [index, { settings, mappings }] of Object.entries(indices)) {
    const why = whyIncomplete(settings, mappings);
    if (why !== undefined) return `'${index}' does not give its documents as they were written: ${why}`;
  }
  return undefined;
}

/** Why `_source` is not the document that was written; undefined when it is. */
export function whyIncomplete(settings: Members, mappings: Members): string | undefined {
  const {
    enabled,
    mode = settings['index.mapping.source.mode'],
    includes = [],
    excludes = [],
  } = (mappings['_source'] ?? {}) as {
    enabled?: unknown;
    mode?: unknown;
    includes?: readonly string[];
    excludes?: readonly string[];
  };
  if (enabled === false || mode === 'disabled') return '_source is disabled';
  if (mode === 'synthetic') return '_source is synthetic';
  const indexMode = settings['index.mode'];
  if (mode === undefined && (indexMode === 'logsdb' || indexMode === 'time_series'))
    return `_source is synthetic in the mode ${indexMode}`;
  if (includes.length > 0 || excludes.length > 0) return 'fields are left out of _source';
  const vector = findVector(mappings);
  return vector === undefined ? undefined : `the vectors of ${vector} are left out of _source`;
}

/** Since 9.2 a server leaves vectors out of what it answers. */
const vectorTypes = new Set(['dense_vector', 'sparse_vector', 'rank_vectors', 'semantic_text', 'knn_vector']);

function findVector(mapping: Members, path = ''): string | undefined {
  const fields = (mapping['properties'] ?? {}) as Readonly<Record<string, Members>>;
  for (const [name, field] of Object.entries(fields)) {
    if (vectorTypes.has(String(field['type']))) return path + name;
    const inner = findVector(field, `${path}${name}.`);
    if (inner !== undefined) return inner;
  }
  return undefined;
}
