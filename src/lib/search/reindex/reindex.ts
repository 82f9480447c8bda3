import { randomBytes } from 'node:crypto';

import { graceMs, withGrace } from '../../core/abort.js';
import type { Clock } from '../../core/clock.js';
import type { Progress } from '../../core/progress.js';
import type { Reason } from '../bulk/reasons.js';
import { catchUp, type ElasticTransfer } from './catch-up.js';
import type { Tally } from './copier.js';
import { createDestination, fillingAlias, findDestination } from './destination.js';
import { complete } from './complete.js';
import { allowWrites } from './freeze.js';
import { Journal } from './journal.js';
import { mendUntilEqual } from './mend.js';
import { Patience } from './patience.js';
import type { ReindexPlan } from './prepare.js';
import { type Rejection, Rejections } from './rejections.js';
import { sequenceNumbers } from './sequence.js';
import { followServerCopy, startServerCopy } from './server-copy.js';
import { swapFrozen, swapUnfrozen } from './switch-over.js';

export interface ReindexIo {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** For 32 bytes a document. */
  readonly temporaryFolder: string;
  /** Shows how the work goes on. */
  readonly during: <T>(label: string, work: (progress: Progress) => Promise<T>) => Promise<T>;
  /** Something did not go as usual. */
  readonly warn: (message: string) => void;
  /** Called when the first change is about to be made. */
  readonly started: (soFar: () => ReindexResult) => void;
}

export interface ReindexResult {
  /** The name that was asked for. */
  readonly alias: string;
  readonly source: string;
  readonly destination: string;
  /** Written to and deleted from the destination by us: more than documents where they changed meanwhile. */
  readonly written: number;
  readonly deleted: number;
  readonly copiedBy: 'server' | 'client';
  /** Documents that the new mapping does not take. */
  readonly rejected: number;
  readonly reasons: readonly Reason[];
  readonly swapped: boolean;
  /** Where a rollback points back to. */
  readonly kept?: string | undefined;
  /** How long the source took no writes, in milliseconds. */
  readonly frozenMs: number;
  /** Writes and deletes that reached the old index too late for the new one. */
  readonly mayBeMissing: number;
}

export interface ReindexEnd {
  readonly result: ReindexResult;
  readonly rejections: readonly Rejection[];
}

/** Rounds of catching up end when so few documents changed during the last, or when they do not become fewer. */
const fewChanges = 500;
const maxRounds = 10;

/**
 * Fills a new index from the source, and points the source's aliases at it. Up to then readers and writers see nothing of it;
 * stopped at any moment it can be continued.
 * @throws ServiceConflict exit 4; ServiceUnavailable exit 5 when nothing moves on for `stallMs`; the signal's reason
 */
export async function reindex(plan: ReindexPlan, io: ReindexIo): Promise<ReindexEnd> {
  const { engine, source } = plan;
  const { clock, signal } = io;
  const tally: Tally = { written: 0, deleted: 0 };
  const rejections = new Rejections(plan.allowRejected);
  let end: Partial<ReindexResult> = {};
  const result = (): ReindexResult => ({
    alias: source.asked,
    source: source.index.name,
    destination: plan.destination.name,
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
    const transfer: ElasticTransfer = {
      engine,
      source: source.index,
      destination: { name: plan.destination.name, alias: fillingAlias(plan.destination.name) },
      journal,
      rejections,
      tally,
      patience: new Patience(clock, plan.stallMs, (reason) => io.warn(`waiting: ${reason}`)),
      clock,
      temporaryFolder: io.temporaryFolder,
      stallMs: plan.stallMs,
    };
    end = await journal.whileHeld(signal, (held) => fill(plan, transfer, { ...io, signal: held }));
    if (rejections.count <= plan.allowRejected)
      end = {
        ...end,
        ...(await (plan.freezeMs === undefined
          ? swapUnfrozen(plan, transfer, signal)
          : swapFrozen(plan, transfer, io))),
      };
    return { result: result(), rejections: rejections.all };
  } finally {
    // What failed is being thrown, and without this the state says who held it.
    if (!end.swapped) await journal.release(withGrace(signal, graceMs)).catch(() => {});
  }
}

/** Brings everything into the destination, while the source is written to. */
async function fill(
  plan: ReindexPlan,
  transfer: ElasticTransfer,
  io: ReindexIo,
): Promise<Pick<ReindexResult, 'copiedBy'>> {
  const { rejections, patience } = transfer;
  const { signal } = io;
  // Each of them can be done again: nothing of what was reached is lost.
  const patiently = <T>(work: () => Promise<T>) => patience.retry(work, signal);
  const copiedBy = (await patiently(() => copyByServer(plan, transfer, io))) ? 'server' : 'client';
  await patiently(() => catchUpTo(transfer, io));
  if (rejections.count <= plan.allowRejected) {
    await patiently(() => complete(transfer, signal));
    await io.during('comparing', (progress) =>
      mendUntilEqual(transfer, signal, { content: true, seen: (count) => progress.update(count) }),
    );
  }
  return { copiedBy };
}

async function begin(plan: ReindexPlan, { clock, signal, warn }: ReindexIo): Promise<Journal> {
  const { engine, source, destination, unfinished } = plan;
  const { client } = engine;
  const { index } = source;
  if (unfinished !== undefined) {
    await findDestination(client, unfinished, signal);
    const journal = await Journal.open(client, index.name, unfinished, clock, signal);
    if (unfinished.frozen) {
      await allowWrites(client, index.name, signal);
      await journal.save({ frozen: false }, signal);
      warn(`'${index.name}' was left without writes by a run that was killed: it takes them again`);
    }
    return journal;
  }
  const run = randomBytes(8).toString('hex');
  const { name, uuid } = await createDestination(client, source, destination, run, signal);
  const reached = new Array<number>(index.shards).fill(-1);
  const state = { run, destination: { name, uuid }, reached, frozen: false };
  return Journal.open(client, index.name, state, clock, signal);
}

/** Whether a task of the server copied everything. Where there is none, or it fails, the client copies. */
async function copyByServer(plan: ReindexPlan, transfer: ElasticTransfer, io: ReindexIo): Promise<boolean> {
  const { journal, engine, source, destination, patience, clock } = transfer;
  const { signal } = io;
  const { client } = engine;
  const isNew = plan.unfinished === undefined;
  if (isNew && plan.by !== 'client') {
    const { settled } = await sequenceNumbers(client, source, signal);
    await engine.refresh(source.name, signal);
    const task = { source: source.name, destination: destination.alias, opaqueId: 'metrify search reindex' };
    const id = await startServerCopy(client, task, signal);
    if (id !== undefined) await journal.save({ task: { id, reaches: settled } }, signal);
  }
  const { task } = journal.state;
  if (task === undefined) return false;
  const end = await io.during('copying', (progress) =>
    followServerCopy(client, task.id, plan.stallMs, {
      clock,
      signal,
      patience,
      seen: (documents, total) => progress.update(documents, total),
    }),
  );
  const copied = end.kind === 'copied';
  if (end.kind !== 'copied') io.warn(`${end.reason}; copying continues without it`);
  await journal.save({ task: undefined, ...(copied ? { reached: task.reaches } : {}) }, signal);
  return copied;
}

/** Catches up until little is left to do. */
async function catchUpTo(transfer: ElasticTransfer, { during, signal }: ReindexIo): Promise<void> {
  const { engine, source } = transfer;
  const total = await engine.count(source.name, signal);
  let before = Infinity;
  for (let round = 1; round <= maxRounds; round++) {
    const count = await during(round === 1 ? 'copying' : 'catching up', (progress) =>
      catchUp(transfer, signal, {
        seen: (documents) => progress.update(documents, round === 1 ? Math.max(total, documents) : undefined),
      }),
    );
    if (count <= fewChanges || count >= before) return;
    before = count;
  }
}
