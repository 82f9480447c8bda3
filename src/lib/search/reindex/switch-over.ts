import { graceMs, withGrace, withTimeout } from '../../core/abort.js';
import { ServiceConflict } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import { catchUp, type ElasticTransfer } from './catch-up.js';
import { allowWrites, blockWrites, thaw } from './freeze.js';
import { readIndices } from './index-facts.js';
import { compareAndMend, haveSameCount, mendUntilEqual } from './mend.js';
import type { ReindexPlan } from './prepare.js';
import type { ReindexIo, ReindexResult } from './reindex.js';
import { sequenceNumbers, sum } from './sequence.js';
import { cloneFrozen, removeClone, swap } from './swap.js';

type Swapped = Pick<ReindexResult, 'swapped' | 'kept' | 'frozenMs' | 'mayBeMissing'>;

const refused: Swapped = { swapped: false, frozenMs: 0, mayBeMissing: 0 };

const attempts = 3;

/**
 * Stops writes to the source for a moment, brings over the last of them, and moves the aliases. What does not fit into the time
 * allowed is given up, and tried again after catching up. The old index takes no writes from then on: one that was
 * still on its way to it is refused, and not lost. Nothing is moved when the mapping has refused more documents than it may.
 */
export async function swapFrozen(
  plan: ReindexPlan,
  transfer: ElasticTransfer,
  { clock, signal, warn, during }: ReindexIo,
): Promise<Swapped> {
  const freezeMs = plan.freezeMs!;
  for (let attempt = 1; ; attempt++) {
    await during('catching up', (progress) =>
      catchUp(transfer, signal, { seen: (documents) => progress.update(documents) }),
    );
    if (refusesTooMany(plan, transfer)) return refused;
    const began = clock.monotonic();
    const kept = await frozen(plan, transfer, { signal, warn });
    const frozenMs = Math.round(clock.monotonic() - began);
    if (kept !== undefined) return { swapped: true, kept, frozenMs, mayBeMissing: 0 };
    if (refusesTooMany(plan, transfer)) return { ...refused, frozenMs };
    warn(`the last writes and deletes did not fit into ${formatDuration(freezeMs)} without writes`);
    if (attempt < attempts) {
      await transfer.journal.whileHeld(signal, (held) => compareAndMend(transfer, held, { content: false }));
      continue;
    }
    throw new ServiceConflict(
      `'${transfer.source.name}' is written to faster than it can be caught up with`,
      {
        code: 'FREEZE_TOO_SHORT',
        hint: `The alias was not moved. Continue with --resume and more time, as --freeze ${Math.ceil(freezeMs / 250)}s, or with --no-freeze.`,
      },
    );
  }
}

function refusesTooMany({ allowRejected }: ReindexPlan, { rejections }: ElasticTransfer): boolean {
  return rejections.count > allowRejected;
}

/** @returns the index that is kept; undefined when the time was not enough, or too many are refused: writes are taken again */
async function frozen(
  plan: ReindexPlan,
  transfer: ElasticTransfer,
  { signal, warn }: Pick<ReindexIo, 'signal' | 'warn'>,
): Promise<string | undefined> {
  const { source, old, freezeMs } = plan;
  const { journal, engine } = transfer;
  const { client } = engine;
  const { name } = source.index;
  const [before] = await readIndices(client, name, signal);
  // Who blocked it before us decides when it takes writes again.
  const isOurs = before?.settings['index.blocks.write'] !== 'true';
  let kept: string | undefined;
  let hasClone = false;
  try {
    if (isOurs) {
      await journal.save({ frozen: true }, signal);
      await blockWrites(client, name, signal);
    }
    await withTimeout(signal, freezeMs!, async (within) => {
      await bringOverTheLast(transfer, within);
      if (old === undefined || refusesTooMany(plan, transfer)) return;
      hasClone = true;
      await cloneFrozen(client, name, old, within);
    });
    if (refusesTooMany(plan, transfer)) return undefined;
    // From here on it is not given up half-way: whether the aliases were moved would not be known.
    const grace = withGrace(signal, graceMs);
    kept = await swap(client, source, journal.state, { old, clock: transfer.clock }, grace);
    return kept;
  } catch (error) {
    if (signal.aborted || (error as Error).name !== 'TimeoutError') throw error;
    return undefined;
  } finally {
    if (kept === undefined) {
      const lift = async (grace: AbortSignal) => {
        if (isOurs) await allowWrites(client, name, grace);
        await journal.save({ frozen: false }, grace);
        if (hasClone) await removeClone(client, old!, grace);
      };
      const otherwise = '--resume or --abandon lets it take them again';
      await thaw(name, lift, { patience: transfer.patience, signal, warn, otherwise });
    }
  }
}

/** Nobody else writes: what is not in the destination after it is nowhere. */
async function bringOverTheLast(transfer: ElasticTransfer, signal: AbortSignal): Promise<void> {
  await catchUp(transfer, signal, { isFrozen: true });
  // Every document of the source is in the destination. Where that has more, documents were deleted.
  while (!(await haveSameCount(transfer, signal))) {
    const { differed } = await compareAndMend(transfer, signal, { content: false });
    if (differed === 0) return;
  }
}

/**
 * Moves the aliases while both may be written to, and says how many writes may have been lost: whatever came since the last
 * comparison began, but for the documents that were brought over after it.
 */
export async function swapUnfrozen(
  plan: ReindexPlan,
  transfer: ElasticTransfer,
  signal: AbortSignal,
): Promise<Swapped> {
  const { journal, engine, source, clock } = transfer;
  await catchUp(transfer, signal);
  const compared = sum(journal.state.reached);
  const { left } = await journal.whileHeld(signal, (held) =>
    mendUntilEqual(transfer, held, { content: false }),
  );
  const after = await catchUp(transfer, signal);
  if (refusesTooMany(plan, transfer)) return refused;
  const kept = await swap(engine.client, plan.source, journal.state, { old: undefined, clock }, signal);
  // What was still on its way to the old index is refused from here on, and not lost.
  await blockWrites(engine.client, source.name, signal);
  const { last } = await sequenceNumbers(engine.client, source, signal);
  return { swapped: true, kept, frozenMs: 0, mayBeMissing: sum(last) - compared - after + left };
}
