import type { Clock } from '../../../core/clock.js';
import { ServiceConflict } from '../../../core/errors.js';
import { corePath } from '../../solr/client.js';
import { deleteCore, pointAlias, setReadOnly, swapCores } from '../../solr/cores.js';
import type { SolrEngine } from '../../solr/engine.js';
import { newerThan } from '../../solr/versions.js';
import { requireFree } from '../journal.js';
import type { RollbackResult } from '../rollback.js';
import { type CoreSource, findSource, findStanding, type Identified } from './find.js';
import { type CoreMark, saveMark } from './mark.js';

export interface CoreRollbackPlan {
  readonly engine: SolrEngine;
  readonly source: CoreSource;
  /** The core before, under the name that it has now. */
  readonly old: Identified;
  readonly mark: CoreMark;
}

/** @throws UserError exit 2; ServiceConflict exit 4 when the core was not made by a reindex, or the old one is gone */
export async function prepareCoreRollback(
  engine: SolrEngine,
  asked: string,
  signal: AbortSignal,
): Promise<CoreRollbackPlan> {
  const source = await findSource(engine, asked, signal);
  const standing = await findStanding(engine, source, signal);
  if (standing?.kind === 'swapped') return { engine, source, old: standing.old, mark: standing.mark };
  throw new ServiceConflict(
    standing === undefined
      ? `'${asked}' did not come from a reindex, or the one before is gone: there is nothing to roll back to`
      : `a reindex of '${asked}' is unfinished`,
    {
      code: 'NOTHING_TO_ROLL_BACK',
      ...(standing !== undefined && { hint: 'Continue it with --resume, or give it up with --abandon.' }),
    },
  );
}

/** What a rollback would do now. Solr keeps nothing of deletes: they are not counted. */
export async function previewCoreRollback(
  plan: CoreRollbackPlan,
  signal: AbortSignal,
): Promise<RollbackResult> {
  return { ...named(plan), writtenSince: await writtenSince(plan, plan.source.asked, signal) };
}

/** Swaps the names back, or moves the alias back. The newer core keeps what was written since. */
export async function rollBackCore(plan: CoreRollbackPlan, signal: AbortSignal): Promise<RollbackResult> {
  const { engine, source, old, mark } = plan;
  const { client } = engine;
  const { asked, core } = source;
  const newer = mark.destination.name;
  if (client.isCloud) {
    await setReadOnly(client, old.name, false, signal);
    await pointAlias(client, asked, old.name, signal);
  } else await swapCores(client, core, old, signal);
  // After it: nobody writes to the newer one by its name any more.
  const count = await writtenSince(plan, newer, signal);
  await saveMark(client, newer, asked, undefined, signal);
  return { ...named(plan), writtenSince: count };
}

function named({ engine, source, old, mark }: CoreRollbackPlan): Omit<RollbackResult, 'writtenSince'> {
  return {
    alias: source.asked,
    from: mark.destination.name,
    to: engine.client.isCloud ? old.name : 'the core before',
    swappedAt: new Date(mark.swapped!.at).toISOString(),
  };
}

async function writtenSince(
  { engine, mark }: CoreRollbackPlan,
  newer: string,
  signal: AbortSignal,
): Promise<number> {
  await engine.refresh(newer, signal);
  return engine.count(newer, signal, newerThan(BigInt(mark.swapped!.version)));
}

export interface CoreAbandonPlan {
  readonly engine: SolrEngine;
  readonly source: CoreSource;
  readonly mark: CoreMark;
  /** Whose content goes; undefined when it is gone, or another core has its name. */
  readonly destination: string | undefined;
}

/** @throws UserError exit 2; ServiceConflict exit 4 when there is nothing to abandon, or somebody works on it */
export async function prepareCoreAbandon(
  engine: SolrEngine,
  asked: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<CoreAbandonPlan> {
  const source = await findSource(engine, asked, signal);
  const standing = await findStanding(engine, source, signal);
  if (standing?.kind === 'unsettled')
    throw new ServiceConflict(`'${asked}' is the new core already`, {
      code: 'NOTHING_TO_RESUME',
      hint: 'Bring over the last writes with --resume; then go back with --rollback.',
    });
  if (standing === undefined || standing.kind === 'swapped')
    throw new ServiceConflict(`there is no unfinished reindex of '${asked}'`, { code: 'NOTHING_TO_RESUME' });
  const { mark, kind } = standing;
  await requireFree(mark, asked, clock);
  return { engine, source, mark, destination: kind === 'foreign' ? undefined : mark.destination.name };
}

/** Lets the source take writes, and deletes the destination; one that was there before is only emptied. */
export async function abandonCore(
  { engine, source, mark, destination }: CoreAbandonPlan,
  signal: AbortSignal,
): Promise<void> {
  const { client } = engine;
  const { asked, core } = source;
  if (mark.frozen && client.isCloud) await setReadOnly(client, core.name, false, signal);
  // Of one that is deleted as well: cores of one configset share it.
  await saveMark(client, destination ?? core.name, asked, undefined, signal);
  if (destination === undefined) return;
  if (mark.isOurs) return deleteCore(client, destination, signal);
  const body = { delete: { query: '*:*' }, commit: {} };
  await client.json({ path: corePath(destination, 'update'), body }, signal);
}
