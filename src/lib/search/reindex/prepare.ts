import type { Clock } from '../../core/clock.js';
import { ServiceConflict, UserError } from '../../core/errors.js';
import type { ElasticEngine } from '../elastic/engine.js';
import { type Blueprint, blueprint, findDestination, freeNames, seriesOf } from './destination.js';
import { completeDesign, type Design } from './design.js';
import { readIndices, type ReindexSource, readSource } from './index-facts.js';
import { requireFree } from './journal.js';
import { markOf, type ReindexState, stateOf } from './state.js';

export interface ReindexOptions {
  /** Continues an unfinished one. */
  readonly resume: boolean;
  readonly design: Design;
  /** Default: by the server where it can. */
  readonly by?: 'server' | 'client' | undefined;
  /** How long the source may take no writes; undefined: it always does. */
  readonly freezeMs: number | undefined;
  /** Documents that the new mapping may refuse. */
  readonly allowRejected: number;
  /** How long nothing may move on before it is given up. */
  readonly stallMs: number;
}

export interface ReindexPlan extends ReindexOptions {
  readonly engine: ElasticEngine;
  readonly source: ReindexSource;
  readonly destination: Blueprint;
  /** Of an index whose name becomes an alias: under which name it is kept. */
  readonly old: string | undefined;
  readonly unfinished: ReindexState | undefined;
}

/** Decides everything, and changes nothing. @throws UserError exit 2; ServiceConflict exit 4 */
export async function prepareReindex(
  engine: ElasticEngine,
  asked: string,
  options: ReindexOptions,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ReindexPlan> {
  const source = await readSource(engine, asked, signal);
  if (source.isBare && options.freezeMs === undefined)
    throw new UserError(
      `'${asked}' is not an alias, and its index has to be frozen before it can become one`,
      {
        hint: 'Leave out --no-freeze.',
      },
    );
  const names = await freeNames(engine.client, source, signal);
  const unfinished = await findUnfinished(engine, source, signal);
  if (unfinished !== undefined) {
    await requireFree(unfinished, asked, clock);
    if (!options.resume)
      throw new ServiceConflict(
        `a reindex of '${asked}' into '${unfinished.destination.name}' is unfinished`,
        {
          code: 'REINDEX_UNFINISHED',
          hint: 'Continue it with --resume, or give it up with --abandon.',
        },
      );
    await findDestination(engine.client, unfinished, signal);
  } else if (options.resume)
    throw new ServiceConflict(`there is no unfinished reindex of '${asked}'`, { code: 'NOTHING_TO_RESUME' });
  const name = unfinished?.destination.name ?? names.destination;
  const design = await completeDesign(engine.client, name, options.design, signal);
  return {
    ...options,
    engine,
    source,
    destination: blueprint(name, source, design),
    old: source.isBare ? names.old : undefined,
    unfinished,
  };
}

/** Also one that was stopped between creating its destination and noting that. */
export async function findUnfinished(
  engine: ElasticEngine,
  source: ReindexSource,
  signal: AbortSignal,
): Promise<ReindexState | undefined> {
  const { index } = source;
  const noted = stateOf(index);
  if (noted !== undefined) return noted;
  for (const other of await readIndices(engine.client, `${seriesOf(source)}-*`, signal)) {
    const mark = markOf(other);
    if (mark?.source.uuid === index.uuid && mark.swapped === undefined)
      return {
        run: mark.run,
        destination: { name: other.name, uuid: other.uuid },
        reached: new Array<number>(index.shards).fill(-1),
        frozen: false,
      };
  }
  return undefined;
}
