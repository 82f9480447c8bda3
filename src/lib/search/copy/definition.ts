import type { ElasticEngine } from '../elastic/engine.js';
import { withoutNotes } from '../elastic/notes.js';
import { requireSources } from '../elastic/whole.js';

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
    { path: `/${encodeURIComponent(index)}`, query: { flat_settings: 'true' }, exact: true },
    signal,
  );
  const { aliases, ...held } = answer[index]!;
  requireSources(index, held.settings, held.mappings);
  const { settings, mappings } = withoutNotes(held);
  return { ...portable(settings), mappings, aliases };
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
