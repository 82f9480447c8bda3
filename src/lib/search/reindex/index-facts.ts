import { UserError } from '../../core/errors.js';
import type { ElasticClient } from '../elastic/client.js';
import type { ElasticEngine } from '../elastic/engine.js';
import { whyIncomplete } from '../elastic/whole.js';
import { indexMissing } from '../index-missing.js';

/** As the server gives it, and takes it again. */
export interface AliasDefinition {
  readonly filter?: object;
  readonly index_routing?: string;
  readonly search_routing?: string;
  readonly is_write_index?: boolean;
  readonly is_hidden?: boolean;
}

/** A concrete index as it is. */
export interface IndexFacts {
  readonly name: string;
  readonly uuid: string;
  readonly aliases: Readonly<Record<string, AliasDefinition>>;
  readonly mappings: Mappings;
  /** By full name, such as `index.number_of_shards`. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly shards: number;
}

export interface Mappings {
  readonly _meta?: Readonly<Record<string, unknown>>;
  readonly _source?: object;
  readonly properties?: object;
}

/** The concrete indices behind a name, or pattern of names; none when there is nothing of it. */
export async function readIndices(
  client: ElasticClient,
  expression: string,
  signal: AbortSignal,
): Promise<readonly IndexFacts[]> {
  type Found = Record<string, Pick<IndexFacts, 'aliases' | 'mappings' | 'settings'>>;
  const found = await client.jsonIfThere<Found>(
    { path: `/${encodeURIComponent(expression)}`, query: { flat_settings: 'true' }, exact: true },
    signal,
  );
  if (found === undefined) return [];
  return Object.entries(found).map(([name, { aliases, mappings, settings }]) => ({
    name,
    uuid: String(settings['index.uuid']),
    aliases,
    mappings,
    settings,
    shards: Number(settings['index.number_of_shards']),
  }));
}

export interface ReindexSource {
  /** The index or alias that was asked for. */
  readonly asked: string;
  readonly index: IndexFacts;
  /** Nothing but the index itself has its name: for an alias of that name it has to go. */
  readonly isBare: boolean;
}

/** @throws UserError exit 2 when the name does not stand for exactly one index */
export async function readSource(
  engine: ElasticEngine,
  asked: string,
  signal: AbortSignal,
): Promise<ReindexSource> {
  const described = await engine.describe(asked, signal);
  if (described === undefined) throw indexMissing(engine.name, asked);
  if (described.isDataStream)
    throw new UserError(`'${asked}' is a data stream, and reindex works on one index`, {
      code: 'NOT_ONE_INDEX',
      hint: 'Change its index template: the next backing index has the new mapping.',
    });
  if (described.indices.length !== 1)
    throw new UserError(
      `'${asked}' stands for ${described.indices.length} indices: ${described.indices.map(({ name }) => name).join(', ')}`,
      { code: 'NOT_ONE_INDEX', hint: 'Name one of them.' },
    );
  const [index] = await readIndices(engine.client, described.indices[0]!.name, signal);
  if (index === undefined)
    throw new UserError(`the index of '${asked}' was deleted just now`, { code: 'INDEX_MISSING' });
  const why = whyIncomplete(index.settings, { ...index.mappings });
  if (why !== undefined)
    throw new UserError(`'${index.name}' does not give its documents as they were written: ${why}`, {
      code: 'SOURCE_INCOMPLETE',
      hint: 'Fill a new index from where the documents come from: metrify search index',
    });
  return { asked, index, isBare: !described.isAlias && Object.keys(index.aliases).length === 0 };
}
