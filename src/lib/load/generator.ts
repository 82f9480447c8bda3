import { type MessagePort, Worker } from 'node:worker_threads';

import { errorMessage, UserError } from '../core/errors.js';
import type { Progress } from '../core/progress.js';
import type { EngineTally } from './engine.js';
import type { Arrivals, EngineJob, PlannedArrivals } from './job.js';
import { NameTable } from './name-table.js';
import { type NetworkCounts, sumOfNetworks } from './network-counts.js';
import { type PackedTally, type UnpackedTally, unpackTally } from './packed-tally.js';
import { Dealer, type Recording } from './replay/deal.js';
import { part, type Shard } from './shard.js';
import { Slowest } from './slowest.js';
import { type OnSlice, SoFar } from './so-far.js';
import { latenciesOpener, type OpenLatencies } from './tally.js';
import type { ThreadMessage, ThreadReport } from './thread-message.js';
import type { Timeline } from './timeline.js';

/** Time for the threads to start, before the first request is due. */
const leadMs = 200;
/** After the drain a thread has so long to hand its counts over. */
const handOverMs = 10_000;

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
  const { threads, arrivals } = plan;
  const open = await latenciesOpener();
  const dealer = arrivals.loop === 'recorded' ? await Dealer.open(arrivals, threads, signal) : undefined;
  const origin = originOf(plan);
  const soFar = new SoFar(threads, open, onSlice);
  /** Milliseconds from the origin, as soon as it is known. */
  const end = (async () => {
    await dealer?.run();
    return endOf(plan);
  })();
  const ends = await Promise.all(
    Array.from({ length: threads }, async (_, thread) => {
      const job = jobOf(plan, thread, origin, dealer?.ports[thread]);
      const outcome = await runThread(job, end, signal, (report) => {
        soFar.take(thread, report);
        const { answered, failed } = soFar.progress;
        progress.update(answered + failed, undefined);
      });
      if (typeof outcome === 'string') soFar.lose(thread);
      return outcome;
    }),
  );
  const packed = ends.filter((end) => typeof end !== 'string');
  const lost = ends.flatMap((end, i) => (typeof end === 'string' ? [{ thread: i + 1, reason: end }] : []));
  const joined = joinTallies(unpacked(packed, open), plan.names ?? [], open);
  return {
    ...joined,
    startedAt: origin,
    elapsedMs: Math.min(await end, packed.length === 0 ? Infinity : joined.endedMs),
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
  const slowest = new Slowest();
  const sums = { due: 0, resent: 0, mostConnections: 0 };
  const most = { busy: 0, endedMs: 0, lastSentMs: 0 };
  const networks: NetworkCounts[] = [];
  let shortfall: string | undefined;
  for (const tally of tallies) {
    lag.add(tally.lag);
    names.add(tally.names);
    for (const request of tally.slowest) slowest.add(request);
    networks.push(tally.network);
    shortfall ??= tally.shortfall;
    for (const key of ['due', 'resent', 'mostConnections'] as const) sums[key] += tally[key];
    for (const key of ['busy', 'endedMs', 'lastSentMs'] as const) most[key] = Math.max(most[key], tally[key]);
  }
  return { names, lag, slowest: slowest.list, ...sums, ...most, network: sumOfNetworks(networks), shortfall };
}

/** Shards begin with a second of the wall clock, so that the slices of several machines are the same. */
function originOf({ shard }: LoadPlan): number {
  const soon = performance.timeOrigin + performance.now() + leadMs;
  return shard === undefined ? soon : Math.ceil(soon / 1000) * 1000;
}

function endOf({ durationMs, arrivals }: LoadPlan): number {
  return durationMs ?? (arrivals.loop === 'recorded' ? arrivals.endMs() : 0);
}

/** Of the arrivals i, a shard takes those with i mod `of` = `index` − 1, and shares them between its threads likewise. */
function jobOf(plan: LoadPlan, thread: number, origin: number, port: MessagePort | undefined): EngineJob {
  const { shard = { index: 1, of: 1 }, durationMs = Infinity, arrivals, ...job } = plan;
  const { threads, maxConnections } = job;
  const mine = (count: number) => part(part(count, shard.of, shard.index - 1), threads, thread);
  const share = (): Arrivals => {
    if (arrivals.loop === 'closed') return { loop: 'closed', users: mine(arrivals.users) };
    return arrivals.loop === 'recorded' ? { loop: 'recorded', host: arrivals.host, port: port! } : arrivals;
  };
  return {
    ...job,
    thread: shard.index - 1 + shard.of * thread,
    threads: shard.of * threads,
    origin,
    durationMs,
    arrivals: share(),
    maxConnections: Math.max(1, mine(maxConnections)),
  };
}

/** @returns why the thread died, when it did */
async function runThread(
  job: EngineJob,
  end: Promise<number>,
  signal: AbortSignal,
  take: (report: ThreadReport) => void,
): Promise<PackedTally | string> {
  const { arrivals } = job;
  const transferList = arrivals.loop === 'recorded' ? [arrivals.port] : [];
  const worker = new Worker(workerFile(), { workerData: job, transferList });
  const stop = () => worker.postMessage('stop');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await new Promise((resolve) => {
      let tally: PackedTally | undefined;
      let reason: string | undefined;
      let patience: NodeJS.Timeout | undefined;
      // One that hangs is lost as one that died is.
      const giveUp = () => {
        reason = 'it did not end in time';
        void worker.terminate();
      };
      void end.then((endMs) => {
        const untilEndMs = job.origin - performance.timeOrigin - performance.now() + endMs;
        const patienceMs = Math.min(untilEndMs + job.drainMs + handOverMs, 2 ** 31 - 1);
        // It may have ended by now.
        patience = setTimeout(giveUp, patienceMs).unref();
      });
      worker
        .on('message', (message: ThreadMessage) => {
          if ('tally' in message) tally = message.tally;
          else take(message.report);
        })
        // 'exit' follows, and is what counts.
        .on('error', (error) => (reason = errorMessage(error)))
        .on('exit', (code) => {
          clearTimeout(patience);
          resolve(tally ?? reason ?? `it ended with exit code ${code}`);
        });
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Bundled by itself: wherever in dist/ this code is. */
function workerFile(): URL {
  const [dist] = /^.*\/dist\//.exec(import.meta.url) ?? [];
  if (dist === undefined)
    throw new UserError(
      'the threads of the load generator are not found: metrify was bundled into another program',
      { hint: 'Leave metrify out of the bundle, as an external package.', code: 'WORKER_MISSING' },
    );
  return new URL('lib/load/worker.js', dist);
}
