import { SearchRefusal } from '../../clients/search/refusal.js';
import { ServiceConflict, UserError } from '../../core/errors.js';
import type { ElasticClient } from '../elastic/client.js';
import type { ElasticEngine } from '../elastic/engine.js';
import type { Aliases, Definition, Mapping, Settings } from './definition.js';

/**
 * The index that a copy goes to. Until the copy is complete it has an alias that says whose copy it is. All writes go through the
 * alias: were the index deleted meanwhile, none of them could create it again with a guessed mapping.
 */
export class Destination {
  readonly #engine: ElasticEngine;
  readonly name: string;
  /** The alias. */
  readonly mark: string;
  /** Of the index. */
  readonly uuid: string;
  /** An earlier run has finished it. */
  readonly isComplete: boolean;

  private constructor(engine: ElasticEngine, name: string, mark: string, uuid: string, isComplete: boolean) {
    this.#engine = engine;
    this.name = name;
    this.mark = mark;
    this.uuid = uuid;
    this.isComplete = isComplete;
  }

  /**
   * The copy of that source; undefined when there is no index of the name.
   * @param source uuid of the index that is copied
   * @param known uuid of the copy, where an earlier run has noted it: it may be complete
   * @throws ServiceConflict when there is another one; as the client
   */
  static async find(
    engine: ElasticEngine,
    name: string,
    source: string,
    known: string | undefined,
    signal: AbortSignal,
  ): Promise<Destination | undefined> {
    const there = await engine.describe(name, signal);
    if (there === undefined) return undefined;
    const mark = markOf(source);
    const marked = await engine.describe(mark, signal);
    const [index] = there.indices;
    const isMarked = index !== undefined && marked?.indices[0]?.uuid === index.uuid;
    if (there.isAlias || there.isDataStream || index === undefined || !(isMarked || index.uuid === known))
      throw new ServiceConflict(
        `${name} is there already, at ${engine.name}, and is not an unfinished copy`,
        {
          code: 'DESTINATION_EXISTS',
          hint: 'Choose another name with --rename, or delete it there first.',
        },
      );
    return new Destination(engine, index.name, mark, index.uuid, !isMarked);
  }

  /**
   * Creates the index without replicas and refreshes: `finish` sets both.
   * @param leaveOut told of each setting that the server does not know
   * @throws UserError exit 2 `DESTINATION_REFUSED` when the server cannot have such an index; as the client
   */
  static async create(
    engine: ElasticEngine,
    name: string,
    source: string,
    { settings, mappings }: Definition,
    leaveOut: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Destination> {
    const mark = markOf(source);
    const left: Record<string, unknown> = {
      ...settings,
      'index.number_of_replicas': '0',
      'index.refresh_interval': '-1',
    };
    delete left['index.auto_expand_replicas'];
    for (;;) {
      const unknown = await createOnce(engine.client, name, left, mappings, mark, signal);
      if (unknown === undefined) break;
      delete left[unknown];
      leaveOut(`${unknown} = ${String(settings[unknown])}: ${engine.name} does not know it`);
    }
    const description = await engine.describe(name, signal);
    return new Destination(engine, name, mark, description!.indices[0]!.uuid, false);
  }

  /**
   * Takes all aliases but the mark away: an index template gives them to an index of its name, and who writes or searches through
   * them is not to meet a copy that is not complete.
   * @throws as the client
   */
  async hide(signal: AbortSignal): Promise<void> {
    const { client } = this.#engine;
    type Answer = Record<string, { readonly aliases: Aliases }>;
    const path = `/${encodeURIComponent(this.name)}/_alias`;
    const { aliases = {} } = (await client.json<Answer>({ path }, signal))[this.name] ?? {};
    const actions = Object.keys(aliases)
      .filter((alias) => alias !== this.mark)
      .map((alias) => ({ remove: { index: this.name, alias } }));
    if (actions.length > 0)
      await client.json({ method: 'POST', path: '/_aliases', body: { actions } }, signal);
  }

  /** Gives the index the source's replicas, refreshes and aliases, and takes the mark away, in one step. @throws as the client */
  async finish({ settings }: Definition, aliases: Aliases, signal: AbortSignal): Promise<void> {
    const { client } = this.#engine;
    const path = `/${encodeURIComponent(this.name)}`;
    const wanted: Record<string, unknown> = {};
    for (const name of ['index.number_of_replicas', 'index.refresh_interval', 'index.auto_expand_replicas'])
      wanted[name] = settings[name] ?? null;
    wanted['index.number_of_replicas'] ??= '1';
    await client.json({ method: 'PUT', path: `${path}/_settings`, body: wanted }, signal);
    await this.#engine.refresh(this.name, signal);
    const actions = Object.entries(aliases).map(([alias, options]) => ({
      add: { index: this.name, alias, ...options },
    }));
    await client.json(
      {
        method: 'POST',
        path: '/_aliases',
        body: { actions: [...actions, { remove: { index: this.name, alias: this.mark, must_exist: true } }] },
      },
      signal,
    );
  }

  /** Those of the source's aliases that the cluster has for nothing else yet, and a line for each of the others. */
  async freeAliases(
    aliases: Aliases,
    signal: AbortSignal,
  ): Promise<{ readonly free: Aliases; readonly taken: readonly string[] }> {
    const free: Record<string, Aliases[string]> = {};
    const taken: string[] = [];
    for (const [alias, options] of Object.entries(aliases)) {
      // The source is itself a copy that is not complete.
      if (alias.startsWith(markPrefix)) continue;
      const there = await this.#engine.describe(alias, signal);
      const others = there?.indices.filter(({ uuid }) => uuid !== this.uuid) ?? [];
      if (others.length === 0 && alias !== this.name) free[alias] = options;
      else taken.push(`the alias ${alias}: ${this.#engine.name} has that name already`);
    }
    return { free, taken };
  }
}

/** For people: how documents are copied into an index that is there. */
export const documentsOnly =
  'metrify -e FROM search query INDEX --all --meta | metrify -e TO search index INDEX --meta --stdin';

const markPrefix = 'metrify-copy-of-';

function markOf(uuid: string): string {
  return markPrefix + uuid.toLowerCase();
}

/** The name of a setting that the server does not know; undefined once the index is there. */
async function createOnce(
  client: ElasticClient,
  name: string,
  settings: Settings,
  mappings: Mapping,
  mark: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await client.json(
      {
        method: 'PUT',
        path: `/${encodeURIComponent(name)}`,
        body: { settings, mappings, aliases: { [mark]: {} } },
      },
      signal,
    );
    return undefined;
  } catch (error) {
    const unknown =
      error instanceof SearchRefusal ? /unknown setting \[([^\]]+)\]/.exec(error.reason)?.[1] : undefined;
    if (unknown !== undefined && unknown in settings) return unknown;
    if (error instanceof SearchRefusal && error.status === 400)
      throw refused(name, client.name, error.reason);
    throw error;
  }
}

function refused(name: string, server: string, reason: string): UserError {
  return new UserError(`${server} cannot have the index ${name} as it is defined: ${reason}`, {
    code: 'DESTINATION_REFUSED',
    hint: `Nothing was copied. Create ${name} there as that server can have it, then copy its documents: ${documentsOnly}`,
  });
}
