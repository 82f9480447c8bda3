import { ServiceConflict } from '../../core/errors.js';
import type { ElasticEngine } from '../elastic/engine.js';

export type Settings = Readonly<Record<string, unknown>>;
export type Mapping = Readonly<Record<string, unknown>>;
export type Aliases = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** How an index is made, without what belongs to the place where it is. */
export interface Definition {
  /** Flat: `index.number_of_shards`. */
  readonly settings: Settings;
  readonly mappings: Mapping;
  readonly aliases: Aliases;
  /** What another cluster cannot take over, a line each. */
  readonly leftOut: readonly string[];
}

interface Answer {
  readonly settings: Settings;
  readonly mappings: Mapping;
  readonly aliases: Aliases;
}

/** The definition of a concrete index. @throws ServiceConflict when its documents cannot be read as they were written; as the client */
export async function readDefinition(
  { client }: ElasticEngine,
  index: string,
  signal: AbortSignal,
): Promise<Definition> {
  const answer = await client.json<Record<string, Answer>>(
    { path: `/${encodeURIComponent(index)}`, query: { flat_settings: 'true' } },
    signal,
  );
  const { settings, mappings, aliases } = answer[index]!;
  const why = whyIncomplete(settings, mappings);
  if (why !== undefined)
    throw new ServiceConflict(`${index} does not give its documents as they were written: ${why}`, {
      code: 'SOURCE_INCOMPLETE',
      hint: 'Fill the other cluster from where the documents came from: metrify search index',
    });
  return { ...portable(settings), mappings, aliases };
}

/** Why `_source` is not the document that was written; undefined when it is. */
export function whyIncomplete(settings: Settings, mappings: Mapping): string | undefined {
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

function findVector(mapping: Mapping, path = ''): string | undefined {
  const fields = (mapping['properties'] ?? {}) as Readonly<Record<string, Mapping>>;
  for (const [name, field] of Object.entries(fields)) {
    if (vectorTypes.has(String(field['type']))) return path + name;
    const inner = findVector(field, `${path}${name}.`);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** Set by the server that has the index. */
export const privateSettings =
  /^index\.(?:uuid|creation_date.*|provided_name|version\..*|history\.uuid|resize\..*|shrink\..*|verified_before_close|routing\.allocation\.initial_recovery\..*|routing\.allocation\.include\._tier_preference|replication\.type|transform\..*)$/;
/** Names of nodes, policies and repositories of its cluster, and blocks that somebody set there. */
const localSettings =
  /^index\.(?:routing\.allocation\..*|lifecycle\..*|plugins\.index_state_management\..*|blocks\..*|store\.snapshot\..*|default_pipeline|final_pipeline)$/;

function portable(all: Settings): Pick<Definition, 'settings' | 'leftOut'> {
  const settings: Record<string, unknown> = {};
  const leftOut: string[] = [];
  for (const [name, value] of Object.entries(all))
    if (privateSettings.test(name)) continue;
    else if (localSettings.test(name)) leftOut.push(`${name} = ${String(value)}: it belongs to that cluster`);
    else settings[name] = value;
  return { settings, leftOut };
}
