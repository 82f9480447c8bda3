import type { Progress } from '../core/progress.js';
import type { EngineTally } from './engine.js';
import type { MessagePort } from 'node:worker_threads';

import type { Arrivals, EngineJob, PlannedArrivals } from './job.js';
import { NameTable } from './name-table.js';
import { type NetworkCounts, sumOfNetworks } from './network-counts.js';
import { type PackedTally, type UnpackedTally, unpackTally } from './packed-tally.js';
import { Dealer, type Recording } from './replay/deal.js';
import { part, type Shard } from './shard.js';
import type { IterationCounts } from './scenario/task-run.js';
import { Slowest } from './slowest.js';
import { type OnSlice, SoFar } from './so-far.js';
import { latenciesOpener, NameTally, type OpenLatencies } from './tally.js';
import { Thread } from './thread.js';
import type { Timeline } from './timeline.js';

/** Time for all threads to hear of the start. */
const leadMs = 50;

/** A job of all threads together. */
export interface LoadPlan extends Omit<EngineJob, 'origin' | 'thread' | 'arrivals' | 'durationMs'> {
  readonly arrivals: PlannedArrivals | RecordedArrivals;
  /** Milliseconds in which requests are due; undefined of a recording, which ends by itself. */
  readonly durationMs: number | undefined;
  /** Of the load, this machine's share; all of it without one. */
  readonly shard?: Shard | undefined;
}

/** Read a bounded number of requests ahead of their times. */
export interface RecordedArrivals extends Recording {
  readonly loop: 'recorded';
  /** What is sent as `Host`. */
  readonly host: string;
}

/** A thread of the generator that died, and took its counts with it. */
export interface LostThread {
  /** From 1. */
  readonly thread: number;
  readonly reason: string;
}

/** What all threads counted together. */
export interface LoadTally extends EngineTally {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** In which requests were sent: the duration, or until the run was stopped. */
  readonly elapsedMs: number;
  readonly timeline: Timeline;
  readonly lost: readonly LostThread[];
}

/**
 * Generates the load of a plan in worker threads.
 * @param onSlice is told each second of the run
 * @returns what was counted; after the signal, what was counted until then and in the drain
 */
export async function generate(
  plan: LoadPlan,
  signal: AbortSignal,
  progress: Progress,
  onSlice: OnSlice = () => {},
): Promise<LoadTally> {
  const { arrivals } = plan;
  const open = await latenciesOpener();
  const dealer = arrivals.loop === 'recorded' ? await Dealer.open(arrivals, plan.threads, signal) : undefined;
  const soFar = new SoFar(plan.threads, open, onSlice);
  const threads = Array.from({ length: plan.threads }, (_, thread) => {
    return new Thread(jobOf(plan, thread, dealer?.ports[thread]), (report) => {
      soFar.take(thread, report);
      const { answered, failed } = soFar.progress;
      progress.update(answered + failed, undefined);
    });
  });
  const stop = () => threads.forEach((thread) => thread.stop());
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  // However long threads take to start, all of the run is theirs.
  await Promise.all(threads.map(({ ready }) => ready));
  const origin = originOf(plan);
  for (const thread of threads) thread.start(origin);
  /** Milliseconds from the origin, as soon as it is known. */
  const known = (async () => {
    await dealer?.run();
    return endOf(plan);
  })();
  void known.then((endMs) => threads.forEach((thread) => thread.endsAt(endMs)));
  const ends = await Promise.all(
    threads.map(async ({ end }, thread) => {
      const ended = await end;
      if (typeof ended === 'string') soFar.lose(thread);
      return ended;
    }),
  );
  signal.removeEventListener('abort', stop);
  const packed = ends.filter((end) => typeof end !== 'string');
  const lost = ends.flatMap((end, i) => (typeof end === 'string' ? [{ thread: i + 1, reason: end }] : []));
  const joined = joinTallies(unpacked(packed, open), plan.names ?? [], open);
  return {
    ...joined,
    startedAt: origin,
    elapsedMs: Math.max(0, Math.min(await known, packed.length === 0 ? Infinity : joined.endedMs)),
    timeline: soFar.timeline,
    lost,
  };
}

function* unpacked(tallies: readonly PackedTally[], open: OpenLatencies): Iterable<UnpackedTally> {
  for (const tally of tallies) yield unpackTally(tally, open);
}

/**
 * Adds tallies up, each before the next one is made: with many names they are large.
 * @param pinned names that have a row in each of them
 */
export function joinTallies(
  tallies: Iterable<UnpackedTally>,
  pinned: readonly string[],
  open: OpenLatencies,
): EngineTally {
  const names = new NameTable(open, pinned);
  const lag = open();
  const warmup = new NameTally(open);
  const iterations: IterationCounts[] = [];
  let usedUpMs: number | undefined;
  const slowest = new Slowest();
  const sums = { due: 0, resent: 0, mostConnections: 0 };
  const most = { busy: 0, endedMs: 0, lastSentMs: 0 };
  const networks: NetworkCounts[] = [];
  let shortfall: string | undefined;
  for (const tally of tallies) {
    lag.add(tally.lag);
    warmup.add(tally.warmup);
    if (tally.iterations) iterations.push(tally.iterations);
    if (tally.usedUpMs !== undefined) usedUpMs = Math.max(usedUpMs ?? 0, tally.usedUpMs);
    names.add(tally.names);
    for (const request of tally.slowest) slowest.add(request);
    networks.push(tally.network);
    shortfall ??= tally.shortfall;
    for (const key of ['due', 'resent', 'mostConnections'] as const) sums[key] += tally[key];
    for (const key of ['busy', 'endedMs', 'lastSentMs'] as const) most[key] = Math.max(most[key], tally[key]);
  }
  return {
    names,
    warmup,
    iterations: sumOfIterations(iterations),
    usedUpMs,
    lag,
    slowest: slowest.list,
    ...sums,
    ...most,
    network: sumOfNetworks(networks),
    shortfall,
  };
}

function sumOfIterations(all: readonly IterationCounts[]): IterationCounts | undefined {
  if (all.length === 0) return undefined;
  const sum = (key: keyof IterationCounts) => all.reduce((total, counts) => total + counts[key], 0);
  return { begun: sum('begun'), endedEarly: sum('endedEarly'), retryAfterObeyed: sum('retryAfterObeyed') };
}

/** Shards begin with a second of the wall clock, so that the slices of several machines are the same. */
function originOf({ shard, warmupMs = 0 }: LoadPlan): number {
  const soon = performance.timeOrigin + performance.now() + leadMs + warmupMs;
  return shard === undefined ? soon : Math.ceil(soon / 1000) * 1000;
}

function endOf({ durationMs, arrivals }: LoadPlan): number {
  return durationMs ?? (arrivals.loop === 'recorded' ? arrivals.endMs() : 0);
}

/** Of the arrivals i, a shard takes those with i mod `of` = `index` − 1, and shares them between its threads likewise. */
function jobOf(plan: LoadPlan, thread: number, port: MessagePort | undefined): Omit<EngineJob, 'origin'> {
  const { shard = { index: 1, of: 1 }, durationMs = Infinity, arrivals, ...job } = plan;
  const { threads, maxConnections } = job;
  const mine = (count: number) => part(part(count, shard.of, shard.index - 1), threads, thread);
  const share = (): Arrivals => {
    if (arrivals.loop === 'closed') return { ...arrivals, users: mine(arrivals.users) };
    return arrivals.loop === 'recorded' ? { loop: 'recorded', host: arrivals.host, port: port! } : arrivals;
  };
  return {
    ...job,
    durationMs,
    arrivals: share(),
    thread: shard.index - 1 + shard.of * thread,
    threads: shard.of * threads,
    maxConnections: Math.max(1, mine(maxConnections)),
  };
}
