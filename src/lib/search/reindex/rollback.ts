import { graceMs, withGrace } from '../../core/abort.js';
import type { Clock } from '../../core/clock.js';
import { ServiceConflict } from '../../core/errors.js';
import type { ElasticEngine } from '../elastic/engine.js';
import { changeAliasesOnce, moves } from './aliases.js';
import { allowWrites, blockWrites, thaw } from './freeze.js';
import { readIndices, readSource, type IndexFacts } from './index-facts.js';
import { Patience } from './patience.js';
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

export interface RollbackIo {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Something did not go as usual. */
  readonly warn: (message: string) => void;
  /** How long what was stopped is tried to be undone. */
  readonly stallMs: number;
}

/**
 * Points the aliases back to the old index, which takes writes again. The newer one keeps what was written since, and takes no more
 * writes. A rollback that was killed is completed by the next one.
 */
export async function rollback(
  plan: RollbackPlan,
  { clock, signal, warn, stallMs }: RollbackIo,
): Promise<RollbackResult> {
  const { client } = plan.engine;
  const { from, to } = plan;
  let isMoved = false;
  try {
    // First, or what is written between counting and moving would not be counted.
    await blockWrites(client, from.name, signal);
    const result = await previewRollback(plan, signal);
    // From here on it is not given up half-way.
    const grace = withGrace(signal, graceMs);
    await allowWrites(client, to.name, grace);
    const made = (aliases: object) => Object.keys(from.aliases).every((alias) => alias in aliases);
    await changeAliasesOnce(client, moves(from, to.name), { index: to.name, made }, grace);
    isMoved = true;
    // Of a run that was killed just after the swap.
    await saveState(client, to.name, undefined, grace);
    return result;
  } finally {
    if (!isMoved)
      await thaw(from.name, (grace) => allowWrites(client, from.name, grace), {
        patience: new Patience(clock, stallMs, (reason) => warn(`waiting: ${reason}`)),
        ...{ signal, warn },
        otherwise: 'run --rollback again',
      });
  }
}
