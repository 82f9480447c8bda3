import { graceMs, withGrace } from '../../../core/abort.js';
import { ServiceConflict } from '../../../core/errors.js';
import { createCore, setReadOnly } from '../../solr/cores.js';
import type { Tally } from '../copier.js';
import { mendUntilEqual } from '../mend.js';
import { Patience } from '../patience.js';
import type { ReindexEnd, ReindexIo, ReindexResult } from '../reindex.js';
import { Rejections } from '../rejections.js';
import { catchUp, type CoreTransfer } from './catch-up.js';
import { CoreJournal } from './journal.js';
import type { CoreReindexPlan } from './prepare.js';
import { settleSwitched, switchFrozen, switchUnfrozen } from './switch-over.js';

/** Rounds of catching up end when so few documents changed during the last, or when they do not become fewer. */
const fewChanges = 500;
const maxRounds = 10;

/**
 * Fills the next core of the series, and swaps it with the one in use; of SolrCloud, moves the alias to it. Up to then readers and
 * writers see nothing of it; stopped at any moment it can be continued.
 * @throws ServiceConflict exit 4; ServiceUnavailable exit 5 when nothing moves on for `stallMs`; the signal's reason
 */
export async function reindexCore(plan: CoreReindexPlan, io: ReindexIo): Promise<ReindexEnd> {
  const { engine, source, destination } = plan;
  const { clock, signal } = io;
  const tally: Tally = { written: 0, deleted: 0 };
  const rejections = new Rejections(plan.allowRejected);
  let end: Partial<ReindexResult> = {};
  const result = (): ReindexResult => ({
    alias: source.asked,
    source: source.core.name,
    destination: destination.name,
    ...tally,
    copiedBy: 'client',
    rejected: rejections.count,
    reasons: rejections.reasons,
    swapped: false,
    frozenMs: 0,
    mayBeMissing: 0,
    ...end,
  });
  io.started(result);
  const journal = await begin(plan, io);
  try {
    const transfer: CoreTransfer = {
      engine,
      source: source.core,
      destination: { name: destination.name, alias: destination.name },
      journal,
      rejections,
      tally,
      patience: new Patience(clock, plan.stallMs, (reason) => io.warn(`waiting: ${reason}`)),
      clock,
      temporaryFolder: io.temporaryFolder,
      stallMs: plan.stallMs,
    };
    if (journal.mark.destination.uuid === source.core.uuid)
      end = await io.during('catching up', () => settleSwitched(plan, transfer, signal));
    else {
      await fill(transfer, io);
      const isFrozen = engine.client.isCloud && plan.freezeMs !== undefined;
      if (rejections.count <= plan.allowRejected)
        end = await io.during('catching up', () =>
          isFrozen ? switchFrozen(plan, transfer, io) : switchUnfrozen(plan, transfer, io),
        );
    }
    return { result: result(), rejections: rejections.all };
  } finally {
    // What failed is being thrown, and without this the mark says who held it.
    await journal.save({ holder: undefined }, withGrace(signal, graceMs)).catch(() => {});
  }
}

async function begin(plan: CoreReindexPlan, { clock, signal, warn }: ReindexIo): Promise<CoreJournal> {
  const { engine, source, destination, configSet, unfinished } = plan;
  const { client } = engine;
  const { asked, core } = source;
  if (unfinished !== undefined) {
    const isSwapped = unfinished.destination.uuid === core.uuid;
    const at = isSwapped && !client.isCloud ? asked : unfinished.destination.name;
    const journal = await CoreJournal.open(client, asked, at, clock, unfinished, signal);
    if (unfinished.frozen && !isSwapped) {
      await setReadOnly(client, core.name, false, signal);
      await journal.save({ frozen: false }, signal);
      warn(`'${core.name}' was left read-only by a run that was killed: it takes writes again`);
    }
    return journal;
  }
  const isOurs = destination.uuid === undefined;
  if (isOurs) await createCore(client, destination.name, configSet!, signal);
  else {
    // A core counts what it has committed.
    await engine.refresh(destination.name, signal);
    if ((await engine.count(destination.name, signal)) > 0)
      throw new ServiceConflict(`'${destination.name}' is not empty: somebody writes to it`, {
        code: 'DESTINATION_FOREIGN',
        hint: 'Nothing was changed.',
      });
  }
  const described = await engine.describe(destination.name, signal);
  const [identity] = described?.indices ?? [];
  if (identity === undefined)
    throw new ServiceConflict(`'${destination.name}' was deleted just now`, { code: 'DESTINATION_FOREIGN' });
  const mark = { source: core, destination: identity, isOurs, frozen: false };
  return CoreJournal.open(client, asked, destination.name, clock, mark, signal);
}

/** Copies everything, catches up until little is left to do, and compares. */
async function fill(transfer: CoreTransfer, { during, signal }: ReindexIo): Promise<void> {
  const { engine, source } = transfer;
  const total = await engine.count(source.name, signal);
  let before = Infinity;
  for (let round = 1; round <= maxRounds; round++) {
    const count = await during(round === 1 ? 'copying' : 'catching up', (progress) =>
      catchUp(transfer, signal, (documents) =>
        progress.update(documents, round === 1 ? Math.max(total, documents) : undefined),
      ),
    );
    if (count <= fewChanges || count >= before) break;
    before = count;
  }
  await during('comparing', (progress) =>
    mendUntilEqual(transfer, signal, { content: true, seen: (count) => progress.update(count) }),
  );
}
