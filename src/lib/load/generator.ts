import { Worker } from 'node:worker_threads';

import type { Progress } from '../core/progress.js';
import type { EngineTally } from './engine.js';
import type { EngineJob } from './job.js';
import { type PackedTally, unpackTally } from './packed-tally.js';
import type { IterationCounts } from './scenario/task-run.js';
import { latenciesOpener, NameTally } from './tally.js';

/** Time for the threads to start, before the first request is due. */
const leadMs = 200;
/** After the drain a thread has so long to hand its counts over. */
const handOverMs = 10_000;

/** A job of all threads together. */
export type LoadPlan = Omit<EngineJob, 'origin' | 'thread'>;

/** What all threads counted together. */
export interface LoadTally extends EngineTally {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** In which requests were sent: the duration, or until the run was stopped. */
  readonly elapsedMs: number;
  /** Threads that died, and took their counts with them. */
  readonly lostThreads: number;
}

type Message =
  { readonly tally: PackedTally } | { readonly progress: { answered: number; failed: number; sent: number } };

/**
 * Generates the load of a plan in worker threads.
 * @returns what was counted; after the signal, what was counted until then and in the drain
 */
export async function generate(plan: LoadPlan, signal: AbortSignal, progress: Progress): Promise<LoadTally> {
  const { threads, warmupMs = 0 } = plan;
  const begun = performance.now() + leadMs + warmupMs;
  const origin = performance.timeOrigin + begun;
  const seen = new Map<number, number>();
  const started = Array.from({ length: threads }, (_, thread) => {
    return runThread(shareOf(plan, thread, origin), signal, ({ answered, failed }) => {
      seen.set(thread, answered + failed);
      progress.update(
        [...seen.values()].reduce((sum, count) => sum + count, 0),
        undefined,
      );
    });
  });
  const packed = await Promise.all(started);
  const stoppedAt = signal.aborted ? performance.now() : Infinity;
  const open = await latenciesOpener();
  const alive = packed.filter((tally) => tally !== undefined);
  const tallies = await Promise.all(alive.map((tally) => unpackTally(tally, open)));
  const byName = new Map<string, NameTally>();
  const lag = open();
  const warmup = new NameTally(open);
  for (const tally of tallies) {
    lag.add(tally.lag);
    warmup.add(tally.warmup);
    for (const [name, counts] of tally.byName) {
      if (!byName.has(name)) byName.set(name, new NameTally(open));
      byName.get(name)!.add(counts);
    }
  }
  const usedUp = tallies.flatMap(({ usedUpMs: ms }) => ms ?? []);
  const usedUpMs = usedUp.length === 0 ? undefined : Math.max(...usedUp);
  const sum = (count: (tally: EngineTally) => number) =>
    tallies.reduce((total, tally) => total + count(tally), 0);
  return {
    startedAt: origin,
    elapsedMs: Math.max(0, Math.min(plan.durationMs, stoppedAt - begun, usedUpMs ?? Infinity)),
    byName,
    warmup,
    usedUpMs,
    iterations: iterationsOf(tallies),
    lag,
    due: sum(({ due }) => due),
    resent: sum(({ resent }) => resent),
    mostConnections: sum(({ mostConnections }) => mostConnections),
    lastSentMs: Math.max(0, ...tallies.map(({ lastSentMs }) => lastSentMs)),
    lostThreads: threads - alive.length,
  };
}

function iterationsOf(tallies: readonly EngineTally[]): IterationCounts | undefined {
  const all = tallies.flatMap(({ iterations }) => iterations ?? []);
  if (all.length === 0) return undefined;
  const sum = (key: keyof IterationCounts) => all.reduce((total, counts) => total + counts[key], 0);
  return { begun: sum('begun'), endedEarly: sum('endedEarly'), retryAfterObeyed: sum('retryAfterObeyed') };
}

function shareOf(plan: LoadPlan, thread: number, origin: number): EngineJob {
  const { threads, arrivals, maxConnections } = plan;
  const part = (count: number) => Math.floor(count / threads) + (thread < count % threads ? 1 : 0);
  return {
    ...plan,
    thread,
    origin,
    arrivals: arrivals.loop === 'closed' ? { ...arrivals, users: part(arrivals.users) } : arrivals,
    maxConnections: Math.max(1, part(maxConnections)),
  };
}

/** @returns undefined when the thread died */
async function runThread(
  job: EngineJob,
  signal: AbortSignal,
  report: (progress: { answered: number; failed: number }) => void,
): Promise<PackedTally | undefined> {
  const worker = new Worker(workerFile(), { workerData: job });
  const stop = () => worker.postMessage('stop');
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise((resolve) => {
      let tally: PackedTally | undefined;
      // One that hangs is lost as one that died is.
      const patience = setTimeout(
        () => void worker.terminate(),
        leadMs + (job.warmupMs ?? 0) + job.durationMs + job.drainMs + handOverMs,
      );
      worker
        .on('message', (message: Message) => {
          if ('tally' in message) tally = message.tally;
          else report(message.progress);
        })
        // 'exit' follows, and is what counts.
        .on('error', () => undefined)
        .on('exit', () => {
          clearTimeout(patience);
          resolve(tally);
        });
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Bundled by itself: wherever in dist/ this code is. */
function workerFile(): URL {
  const [dist] = /^.*\/dist\//.exec(import.meta.url) ?? [];
  if (dist === undefined) throw new Error('the generator runs from the built package');
  return new URL('lib/load/worker.js', dist);
}
