import { ServiceConflict } from '../../core/errors.js';
import type { Clock } from '../../core/clock.js';
import type { ElasticEngine } from '../elastic/engine.js';
import { allowWrites } from './freeze.js';
import { type IndexFacts, readIndices, readSource } from './index-facts.js';
import { Journal, requireFree } from './journal.js';
import { findUnfinished } from './prepare.js';
import { cancelTask } from './server-copy.js';
import { markOf, type ReindexState } from './state.js';

export interface AbandonPlan {
  readonly engine: ElasticEngine;
  readonly source: IndexFacts;
  readonly state: ReindexState;
  /** Ours, and to be deleted; undefined when it is gone, or another index has its name. */
  readonly destination: string | undefined;
}

/** @throws UserError exit 2; ServiceConflict exit 4 when there is nothing to abandon, or somebody works on it */
export async function prepareAbandon(
  engine: ElasticEngine,
  asked: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<AbandonPlan> {
  const source = await readSource(engine, asked, signal);
  const state = await findUnfinished(engine, source, signal);
  if (state === undefined)
    throw new ServiceConflict(`there is no unfinished reindex of '${asked}'`, { code: 'NOTHING_TO_RESUME' });
  await requireFree(state, asked, clock);
  const { name, uuid } = state.destination;
  const [found] = await readIndices(engine.client, name, signal);
  const isOurs = found?.uuid === uuid && markOf(found)?.run === state.run;
  return { engine, source: source.index, state, destination: isOurs ? name : undefined };
}

/** Ends the server's task, lets the source take writes, deletes the destination if it is ours, and forgets everything. */
export async function abandon(
  { engine: { client }, source, state, destination }: AbandonPlan,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const journal = await Journal.open(client, source.name, state, clock, signal);
  // Before its destination goes, or it would be created again without its mapping.
  if (state.task !== undefined) await cancelTask(client, state.task.id, signal);
  if (state.frozen) await allowWrites(client, source.name, signal);
  if (destination !== undefined)
    await client.json({ method: 'DELETE', path: `/${encodeURIComponent(destination)}` }, signal);
  await journal.remove(signal);
}
