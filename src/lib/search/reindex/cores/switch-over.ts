import { graceMs, withGrace, withTimeout } from '../../../core/abort.js';
import { ServiceConflict } from '../../../core/errors.js';
import { formatDuration } from '../../../core/units.js';
import { pointAlias, setReadOnly, swapCores } from '../../solr/cores.js';
import { newestVersion } from '../../solr/versions.js';
import { compareAndMend, haveSameCount } from '../mend.js';
import type { ReindexIo, ReindexResult } from '../reindex.js';
import { catchUp, type CoreTransfer } from './catch-up.js';
import type { CoreReindexPlan } from './prepare.js';
import { settleAfterSwap } from './settle.js';

/** Nothing of it where too many documents are refused. */
type Switched = Partial<Pick<ReindexResult, 'swapped' | 'kept' | 'frozenMs' | 'mayBeMissing'>>;

function refusesTooMany({ allowRejected }: CoreReindexPlan, { rejections }: CoreTransfer): boolean {
  return rejections.count > allowRejected;
}

/**
 * Makes a collection read-only for a moment, brings over the last writes, and moves the alias. The old one stays read-only.
 * @throws ServiceConflict `FREEZE_TOO_SHORT` when they do not fit into the time allowed
 */
export async function switchFrozen(
  plan: CoreReindexPlan,
  transfer: CoreTransfer,
  { clock, signal }: ReindexIo,
): Promise<Switched> {
  const { client } = plan.engine;
  const { journal, source, patience } = transfer;
  const freezeMs = plan.freezeMs!;
  await catchUp(transfer, signal);
  const began = clock.monotonic();
  let isSwitched = false;
  try {
    await journal.save({ frozen: true }, signal);
    await setReadOnly(client, source.name, true, signal);
    await withTimeout(signal, freezeMs, async (within) => {
      await catchUp(transfer, within);
      if (!(await haveSameCount(transfer, within)))
        await compareAndMend(transfer, within, { content: false });
    });
    if (refusesTooMany(plan, transfer)) return {};
    // From here on it is not given up half-way: whether the alias was moved would not be known.
    await exchange(plan, transfer, withGrace(signal, graceMs), true);
    isSwitched = true;
  } catch (error) {
    if (signal.aborted || (error as Error).name !== 'TimeoutError') throw error;
    throw new ServiceConflict(`the last writes did not fit into ${formatDuration(freezeMs)} without writes`, {
      code: 'FREEZE_TOO_SHORT',
      hint: 'The alias was not moved. Continue with --resume and a longer --freeze, or with --no-freeze.',
    });
  } finally {
    if (!isSwitched) {
      const grace = withGrace(signal, graceMs);
      await patience.retry(() => setReadOnly(client, source.name, false, grace), grace);
      await journal.save({ frozen: false }, grace);
    }
  }
  const frozenMs = Math.round(clock.monotonic() - began);
  return { swapped: true, kept: source.name, frozenMs, mayBeMissing: 0 };
}

/** Moves the name while the old core is written to, and brings over what reached it until then. */
export async function switchUnfrozen(
  plan: CoreReindexPlan,
  transfer: CoreTransfer,
  { signal }: ReindexIo,
): Promise<Switched> {
  await catchUp(transfer, signal);
  await compareAndMend(transfer, signal, { content: false });
  if (refusesTooMany(plan, transfer)) return {};
  // What comes after it was maybe deleted when it is brought over: the last time is just before the swap.
  await exchange(plan, transfer, withGrace(signal, graceMs), false);
  return settleSwitched(plan, transfer, signal);
}

/** What is left to do after the swap; it can be done again. */
export async function settleSwitched(
  { engine, source, destination }: CoreReindexPlan,
  transfer: CoreTransfer,
  signal: AbortSignal,
): Promise<Switched> {
  const { journal, patience } = transfer;
  const { swapped, reached = '0', source: before } = journal.mark;
  const { isCloud } = engine.client;
  const old = isCloud ? before.name : destination.name;
  const mayBeMissing = await patience.retry(
    () =>
      settleAfterSwap(
        { engine, old, now: source.asked, reached: BigInt(reached), ours: BigInt(swapped!.version) },
        transfer,
        signal,
      ),
    signal,
  );
  await journal.save({ swapped: { ...swapped!, isSettled: true }, holder: undefined }, signal);
  return { swapped: true, kept: old, frozenMs: 0, mayBeMissing };
}

async function exchange(
  { engine, source }: CoreReindexPlan,
  transfer: CoreTransfer,
  signal: AbortSignal,
  isSettled: boolean,
): Promise<void> {
  const { client } = engine;
  const { journal, clock } = transfer;
  const { destination } = journal.mark;
  const isNow = async () => (await engine.describe(source.asked, signal))?.indices[0]?.uuid;
  if ((await isNow()) !== source.core.uuid)
    throw new ServiceConflict(`'${source.asked}' is not what it was when it was copied`, {
      code: 'SOURCE_CHANGED',
      hint: 'Nothing was swapped.',
    });
  if (!isSettled) await catchUp(transfer, signal);
  await engine.refresh(destination.name, signal);
  const version = String((await newestVersion(client, destination.name, signal)) ?? 0n);
  // Before the swap, so that a rollback knows the way back even if nothing else happens after it.
  await journal.save({ swapped: { at: clock.now(), version, isSettled } }, signal);
  try {
    if (client.isCloud) await pointAlias(client, source.asked, destination.name, signal);
    else await swapCores(client, source.core, destination, signal);
  } catch (error) {
    // Whether it happened is not known when the answer was lost, or is that of a proxy.
    if ((await isNow().catch(() => undefined)) !== destination.uuid) throw error;
  }
  if (!client.isCloud) journal.movedTo(source.asked);
}
