import type { Clock } from '../../../core/clock.js';
import { ServiceConflict, UserError } from '../../../core/errors.js';
import { counted } from '../../../core/units.js';
import { configSetOf } from '../../solr/cores.js';
import type { SolrEngine } from '../../solr/engine.js';
import { requireWhole } from '../../solr/whole.js';
import { requireFree } from '../journal.js';
import { type CoreSource, findSource, findStanding, foreignCore, nextName } from './find.js';
import type { CoreMark } from './mark.js';

export interface CoreReindexOptions {
  /** Continues an unfinished one. */
  readonly resume: boolean;
  /** Of the server, for a core that is not there. */
  readonly configSet: string | undefined;
  /** How long a collection may take no writes; undefined: it always does. */
  readonly freezeMs: number | undefined;
  /** Documents that the new schema may refuse. */
  readonly allowRejected: number;
  /** How long nothing may move on before it is given up. */
  readonly stallMs: number;
}

export interface CoreReindexPlan extends CoreReindexOptions {
  readonly engine: SolrEngine;
  readonly source: CoreSource;
  readonly destination: {
    readonly name: string;
    /** Undefined when it is to be created. */
    readonly uuid: string | undefined;
  };
  readonly unfinished: CoreMark | undefined;
}

/**
 * Decides everything, and changes nothing. The destination is the next core of the series, when it is there and empty: its schema
 * is whatever the administrator gave it. Else it is created from a configset.
 * @throws UserError exit 2; ServiceConflict exit 4
 */
export async function prepareCoreReindex(
  engine: SolrEngine,
  asked: string,
  options: CoreReindexOptions,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<CoreReindexPlan> {
  const source = await findSource(engine, asked, signal);
  const standing = await findStanding(engine, source, signal);
  if (standing !== undefined && standing.kind !== 'swapped') {
    await requireFree(standing.mark, asked, clock);
    const { destination } = standing.mark;
    if (standing.kind === 'foreign') throw foreignCore(standing.mark);
    if (!options.resume)
      throw new ServiceConflict(`a reindex of '${asked}' into '${destination.name}' is unfinished`, {
        code: 'REINDEX_UNFINISHED',
        hint: 'Continue it with --resume, or give it up with --abandon.',
      });
    return { ...options, engine, source, destination, unfinished: standing.mark };
  }
  if (options.resume)
    throw new ServiceConflict(`there is no unfinished reindex of '${asked}'`, { code: 'NOTHING_TO_RESUME' });
  await requireWhole(engine, source.core.name, signal);
  return {
    ...options,
    ...(await newDestination(engine, source, options.configSet, signal)),
    engine,
    source,
    unfinished: undefined,
  };
}

async function newDestination(
  engine: SolrEngine,
  source: CoreSource,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<Pick<CoreReindexPlan, 'destination' | 'configSet'>> {
  const { client } = engine;
  const [last] = source.series;
  // The highest of the series may be the one that is in use, or one that a reindex has kept.
  if (last !== undefined && last !== source.core.name && (await engine.count(last, signal)) === 0) {
    if (wanted !== undefined)
      throw new ServiceConflict(`'${last}' is there, and has a schema already`, {
        code: 'DESTINATION_EXISTS',
        hint: 'Leave out --configset, or delete it.',
      });
    const described = await engine.describe(last, signal);
    return { destination: { name: last, uuid: described!.indices[0]!.uuid }, configSet: undefined };
  }
  const name = nextName(source);
  const configSet =
    wanted ?? (client.isCloud ? await configSetOf(client, source.core.name, signal) : undefined);
  if (configSet === undefined)
    throw new UserError(`there is no core '${name}' that '${source.asked}' could be filled into`, {
      code: 'CORE_MISSING',
      hint: `Create it with the schema that it is to have: bin/solr create -c ${name}. Or name a configset of the server: --configset NAME`,
    });
  return { destination: { name, uuid: undefined }, configSet };
}

export interface CoreReindexPreview {
  readonly alias: string;
  readonly source: string;
  readonly destination: string;
  readonly documents: number;
  readonly steps: readonly string[];
}

export async function previewCoreReindex(
  { engine, source, destination, configSet, freezeMs, unfinished }: CoreReindexPlan,
  signal: AbortSignal,
): Promise<CoreReindexPreview> {
  const { asked, core } = source;
  const { isCloud } = engine.client;
  const documents = await engine.count(core.name, signal);
  return {
    alias: asked,
    source: core.name,
    destination: destination.name,
    documents,
    steps: [
      unfinished !== undefined
        ? `continue with '${destination.name}'`
        : destination.uuid === undefined
          ? `create '${destination.name}' from the configset ${configSet}`
          : `use '${destination.name}', which is empty`,
      `copy ${counted(documents, 'document')} of '${core.name}' through this machine`,
      'catch up with what is written meanwhile, by _version_',
      'compare both by id and content',
      ...(isCloud && freezeMs !== undefined
        ? [`make '${core.name}' read-only for up to ${freezeMs / 1000} s, and bring over the last`]
        : []),
      isCloud
        ? `point ${asked} at '${destination.name}'`
        : `swap '${asked}' and '${destination.name}': the old core is kept under that name`,
      ...(isCloud && freezeMs !== undefined
        ? []
        : ['bring over what was written to the old one until then, where nothing newer is there']),
    ],
  };
}
