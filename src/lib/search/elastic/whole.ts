import { ServiceConflict } from '../../core/errors.js';
import { requireAllShown } from './all-shown.js';
import type { ElasticClient } from './client.js';

type Plain = Readonly<Record<string, unknown>>;

/**
 * Whether searches of a name give every document of the indices behind it, as it was written.
 * @throws UserError exit 2 `SHOWS_PART`; ServiceConflict exit 4 `SOURCE_INCOMPLETE`; as ElasticClient.json
 */
export async function requireWhole(client: ElasticClient, name: string, signal: AbortSignal): Promise<void> {
  const path = encodeURIComponent(name);
  type Aliases = Record<string, { readonly aliases?: Readonly<Record<string, Plain>> }>;
  const aliases = await client.json<Aliases>({ path: `/_alias/${path}`, expected: [404] }, signal);
  for (const [index, { aliases: of }] of Object.entries(aliases))
    requireAllShown(name, index, of?.[name] ?? {});
  const why = await whyAnyIncomplete(client, name, signal);
  if (why !== undefined) throw sourceIncomplete(why);
}

/** Of the indices behind a name, why one does not give its documents as they were written; undefined when all do. */
export async function whyAnyIncomplete(
  client: ElasticClient,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  type Indices = Record<string, { readonly settings: Plain; readonly mappings: Plain }>;
  const indices = await client.json<Indices>(
    { path: `/${encodeURIComponent(name)}`, query: { flat_settings: 'true' } },
    signal,
  );
  for (const [index, { settings, mappings }] of Object.entries(indices)) {
    const why = whyIncomplete(settings, mappings);
    if (why !== undefined) return whyOf(index, why);
  }
  return undefined;
}

/** @throws ServiceConflict exit 4 `SOURCE_INCOMPLETE` when an index does not give its documents as they were written */
export function requireSources(index: string, settings: Plain, mappings: Plain): void {
  const why = whyIncomplete(settings, mappings);
  if (why !== undefined) throw sourceIncomplete(whyOf(index, why));
}

function whyOf(index: string, why: string): string {
  return `${index} does not give its documents as they were written: ${why}`;
}

function sourceIncomplete(why: string): ServiceConflict {
  return new ServiceConflict(why, {
    code: 'SOURCE_INCOMPLETE',
    hint: 'What it has cannot be told: index the documents from where they came from, metrify search index.',
  });
}

/** Why `_source` is not the document that was written; undefined when it is. */
export function whyIncomplete(settings: Plain, mappings: Plain): string | undefined {
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

function findVector(mapping: Plain, path = ''): string | undefined {
  const fields = (mapping['properties'] ?? {}) as Readonly<Record<string, Plain>>;
  for (const [name, field] of Object.entries(fields)) {
    if (vectorTypes.has(String(field['type']))) return path + name;
    const inner = findVector(field, `${path}${name}.`);
    if (inner !== undefined) return inner;
  }
  return undefined;
}
