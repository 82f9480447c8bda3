import { SearchRefusal } from '../../clients/search/refusal.js';
import { ServiceConflict, UserError } from '../../core/errors.js';
import { privateSettings } from '../copy/definition.js';
import type { ElasticClient } from '../elastic/client.js';
import { withoutNotes } from '../elastic/notes.js';
import { changeAliases } from './aliases.js';
import { type Design, matchingTemplate } from './design.js';
import { type AliasDefinition, type IndexFacts, readIndices, type ReindexSource } from './index-facts.js';
import { markOf, type ReindexState, withMark } from './state.js';

/** Of one index at one time. */
const passingSettings =
  /^index\.(blocks\..*|verified_read_only|lifecycle\.indexing_complete|number_of_routing_shards)$/;

/**
 * What the destination is filled with, and gets back later. It is said for each, or an index template would say it. Of pipelines,
 * documents have been through them.
 */
const whileFilling = {
  'index.refresh_interval': '-1',
  'index.number_of_replicas': '0',
  'index.auto_expand_replicas': 'false',
  'index.default_pipeline': '_none',
  'index.final_pipeline': '_none',
} as const;

/** Given back only when the last document is copied. */
export const pipelines: readonly string[] = ['index.default_pipeline', 'index.final_pipeline'];

export interface Blueprint {
  readonly name: string;
  readonly shards: number;
  readonly mappings: object;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Of the settings, what it gets only when it is filled; null is the server's default. */
  readonly later: Readonly<Record<string, string | null>>;
}

export function blueprint(name: string, { index }: ReindexSource, design: Design): Blueprint {
  const usual = withoutNotes({ settings: index.settings, mappings: { ...index.mappings } });
  const kept = Object.entries(usual.settings).filter(
    ([key]) => !privateSettings.test(key) && !passingSettings.test(key),
  );
  const settings: Record<string, unknown> = { ...Object.fromEntries(kept), ...design.settings };
  const later: Record<string, string | null> = {};
  for (const key of Object.keys(whileFilling)) {
    const value = settings[key];
    later[key] = typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  }
  return {
    name,
    shards: Number(settings['index.number_of_shards']),
    mappings: design.mappings ?? usual.mappings,
    settings: { ...settings, ...whileFilling },
    later,
  };
}

const numbered = /^(.*)-(\d{6})$/;

/** What comes before the number in the names of its series. */
export function seriesOf({ asked, index }: ReindexSource): string {
  return numbered.exec(index.name)?.[1] ?? asked;
}

/** Names of the series that this index is in: `sensors-000002`, and for an index without a number in its name the first ones. */
export async function freeNames(
  client: ElasticClient,
  source: ReindexSource,
  signal: AbortSignal,
): Promise<{ readonly destination: string; readonly old: string | undefined }> {
  const base = seriesOf(source);
  const series = await readIndices(client, `${base}-*`, signal);
  const numbers = series.flatMap(({ name }) => {
    const match = numbered.exec(name);
    return match?.[1] === base ? [Number(match[2])] : [];
  });
  let next = Math.max(0, ...numbers) + 1;
  const name = () => `${base}-${String(next++).padStart(6, '0')}`;
  // An index whose name an alias takes over stays under the number before.
  const old = source.isBare ? name() : undefined;
  return { destination: name(), old };
}

/** An alias that only the destination has, until the swap. */
export function fillingAlias(destination: string): string {
  return `metrify-reindex-${destination}`;
}

/** Creates it, which only one of two runs can. @throws ServiceConflict exit 4 when there is one of that name; SearchRefusal */
export async function createDestination(
  client: ElasticClient,
  source: ReindexSource,
  { name, mappings, settings, later }: Blueprint,
  run: string,
  signal: AbortSignal,
): Promise<IndexFacts> {
  const { _meta: meta, ...rest } = mappings as IndexFacts['mappings'];
  const { index } = source;
  const mark = { run, source: { name: index.name, uuid: index.uuid }, later };
  // A template may give it aliases of the old one at once. Until it has lost them, writes through them go to the old one only
  // where that is their write index.
  const template = await matchingTemplate(client, name, signal);
  const shared = Object.entries(index.aliases).filter(([alias]) => template?.aliases?.[alias] !== undefined);
  const addAgain = (changes: AliasDefinition) =>
    shared.map(([alias, definition]) => ({ add: { index: index.name, alias, ...definition, ...changes } }));
  if (shared.length > 0) await changeAliases(client, addAgain({ is_write_index: true }), signal);
  try {
    await client.json(
      {
        method: 'PUT',
        path: `/${encodeURIComponent(name)}`,
        body: {
          settings,
          mappings: { ...rest, _meta: withMark(meta, mark) },
          aliases: { [fillingAlias(name)]: {} },
        },
      },
      signal,
    );
  } catch (error) {
    if (!(error instanceof SearchRefusal)) throw error;
    if (error.type === 'resource_already_exists_exception')
      throw new ServiceConflict(`the index '${name}' was created by somebody else just now`, {
        code: 'REINDEX_RUNS',
        hint: 'Another reindex of the same index may have begun.',
      });
    throw new UserError(`the new index cannot be created: ${error.reason}`, {
      code: 'DESTINATION_REFUSED',
      hint: 'Nothing was changed. Mend the mapping or the settings that were given.',
    });
  }
  const [created] = await readIndices(client, name, signal);
  if (created === undefined) throw foreignDestination(name, 'it was deleted at once');
  const others = Object.keys(created.aliases).filter((alias) => alias !== fillingAlias(name));
  const leave = others.map((alias) => ({ remove: { index: name, alias } }));
  if (others.length + shared.length > 0) await changeAliases(client, [...leave, ...addAgain({})], signal);
  return created;
}

/** The destination of an unfinished reindex. @throws ServiceConflict exit 4 when it is gone, or another index has its name */
export async function findDestination(
  client: ElasticClient,
  { destination: { name, uuid }, run }: ReindexState,
  signal: AbortSignal,
): Promise<IndexFacts> {
  const [found] = await readIndices(client, name, signal);
  if (found === undefined || found.name !== name)
    throw foreignDestination(name, 'there is none of this name');
  if (found.uuid !== uuid) throw foreignDestination(name, 'its UUID is another one');
  if (markOf(found)?.run !== run) throw foreignDestination(name, 'its mapping is another one');
  return found;
}

export function foreignDestination(name: string, why: string): ServiceConflict {
  return new ServiceConflict(`the destination is not the one we created: '${name}': ${why}`, {
    code: 'DESTINATION_FOREIGN',
    hint: 'Nothing was changed. Find out who deletes indices; --abandon forgets this reindex and leaves that index as it is.',
  });
}
