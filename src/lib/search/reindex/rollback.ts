import { ServiceConflict } from '../../core/errors.js';
import type { ElasticEngine } from '../elastic/engine.js';
import { changeAliases, moves } from './aliases.js';
import { allowWrites, blockWrites } from './freeze.js';
import { readIndices, readSource, type IndexFacts } from './index-facts.js';
import { sequenceNumbers, sum } from './sequence.js';
import { type DestinationMark, markOf, saveState } from './state.js';

export interface RollbackPlan {
  readonly engine: ElasticEngine;
  readonly asked: string;
  /** What the aliases point at now. */
  readonly from: IndexFacts;
  /** What they point back to. */
  readonly to: IndexFacts;
  readonly swapped: NonNullable<DestinationMark['swapped']>;
}

export interface RollbackResult {
  readonly alias: string;
  readonly from: string;
  readonly to: string;
  readonly swappedAt: string;
  /** Writes and deletes since the swap: only the newer index has them. */
  readonly writtenSince: number;
}

/** @throws UserError exit 2; ServiceConflict exit 4 when the index was not made by a reindex, or the old one is gone */
export async function prepareRollback(
  engine: ElasticEngine,
  asked: string,
  signal: AbortSignal,
): Promise<RollbackPlan> {
  const { index: from } = await readSource(engine, asked, signal);
  const mark = markOf(from);
  if (mark?.swapped === undefined)
    throw new ServiceConflict(
      `'${from.name}' did not come from a reindex: there is nothing to roll back to`,
      {
        code: 'NOTHING_TO_ROLL_BACK',
      },
    );
  const [to] = await readIndices(engine.client, mark.source.name, signal);
  if (to?.uuid !== mark.source.uuid)
    throw new ServiceConflict(`'${mark.source.name}', which '${from.name}' replaced, is gone`, {
      code: 'NOTHING_TO_ROLL_BACK',
    });
  return { engine, asked, from, to, swapped: mark.swapped };
}

/** What a rollback would do now. */
export async function previewRollback(
  { engine, asked, from, to, swapped }: RollbackPlan,
  signal: AbortSignal,
): Promise<RollbackResult> {
  const { last } = await sequenceNumbers(engine.client, from, signal);
  return {
    alias: asked,
    from: from.name,
    to: to.name,
    swappedAt: new Date(swapped.at).toISOString(),
    writtenSince: sum(last) - sum(swapped.seqNos),
  };
}

/**
 * Points the aliases back to the old index, which takes writes again. The newer one keeps what was written since, and takes no more
 * writes.
 */
export async function rollback(plan: RollbackPlan, signal: AbortSignal): Promise<RollbackResult> {
  const { client } = plan.engine;
  const { from, to } = plan;
  // First, or what is written between counting and moving would not be counted.
  await blockWrites(client, from.name, signal);
  let isMoved = false;
  try {
    const result = await previewRollback(plan, signal);
    await allowWrites(client, to.name, signal);
    await changeAliases(client, moves(from, to.name), signal);
    isMoved = true;
    // Of a run that was killed just after the swap.
    await saveState(client, to.name, undefined, signal);
    return result;
  } finally {
    if (!isMoved) await allowWrites(client, from.name, signal);
  }
}
