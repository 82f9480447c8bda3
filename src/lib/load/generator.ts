import { type MessagePort, Worker } from 'node:worker_threads';

import type { Progress } from '../core/progress.js';
import type { EngineTally } from './engine.js';
import type { Arrivals, EngineJob } from './job.js';
import { type PackedTally, unpackTally } from './packed-tally.js';
import { Dealer } from './replay/deal.js';
import type { RecordedRequest } from './replay/recording.js';
import { latenciesOpener, NameTally } from './tally.js';

/** Time for the threads to start, before the first request is due. */
const leadMs = 200;
/** After the drain a thread has so long to hand its counts over. */
const handOverMs = 10_000;

/** A job of all threads together. */
export interface LoadPlan extends Omit<EngineJob, 'origin' | 'thread' | 'arrivals' | 'durationMs'> {
  readonly arrivals: Exclude<Arrivals, { readonly loop: 'recorded' }> | RecordedArrivals;
  /** Milliseconds in which requests are due; undefined of a recording, which ends by itself. */
  readonly durationMs: number | undefined;
}

export interface RecordedArrivals {
  readonly loop: 'recorded';
  /** What is sent as `Host`. */
  readonly host: string;
  /** Read a bounded number of requests ahead of their times. */
  requests(signal: AbortSignal): AsyncIterable<readonly RecordedRequest[]>;
  /** Milliseconds from the origin to the end of what was read. */
  endMs(): number;
}

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
  const { threads, arrivals } = plan;
  const dealer =
    arrivals.loop === 'recorded' ? await Dealer.open(arrivals.requests(signal), threads) : undefined;
  const origin = performance.timeOrigin + performance.now() + leadMs;
  const seen = new Map<number, number>();
  const begun = performance.now() + leadMs;
  /** Milliseconds from the origin, as soon as it is known. */
  const end = (async () => {
    await dealer?.run();
    return endOf(plan);
  })();
  const started = Array.from({ length: threads }, (_, thread) => {
    const share = shareOf(plan, thread, origin, dealer?.ports[thread]);
    return runThread(share, end, signal, ({ answered, failed }) => {
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
  for (const tally of tallies) {
    lag.add(tally.lag);
    for (const [name, counts] of tally.byName) {
      if (!byName.has(name)) byName.set(name, new NameTally(open));
      byName.get(name)!.add(counts);
    }
  }
  const sum = (count: (tally: EngineTally) => number) =>
    tallies.reduce((total, tally) => total + count(tally), 0);
  return {
    startedAt: origin,
    elapsedMs: Math.min(await end, stoppedAt - begun),
    byName,
    lag,
    due: sum(({ due }) => due),
    resent: sum(({ resent }) => resent),
    mostConnections: sum(({ mostConnections }) => mostConnections),
    lastSentMs: Math.max(0, ...tallies.map(({ lastSentMs }) => lastSentMs)),
    lostThreads: threads - alive.length,
  };
}

function endOf({ durationMs, arrivals }: LoadPlan): number {
  return durationMs ?? (arrivals.loop === 'recorded' ? arrivals.endMs() : 0);
}

function shareOf(
  { durationMs, ...plan }: LoadPlan,
  thread: number,
  origin: number,
  port: MessagePort | undefined,
): EngineJob {
  const { threads, arrivals, maxConnections } = plan;
  const part = (count: number) => Math.floor(count / threads) + (thread < count % threads ? 1 : 0);
  const share = (): Arrivals => {
    if (arrivals.loop === 'closed') return { loop: 'closed', users: part(arrivals.users) };
    return arrivals.loop === 'recorded' ? { loop: 'recorded', host: arrivals.host, port: port! } : arrivals;
  };
  return {
    ...plan,
    durationMs: durationMs ?? Infinity,
    thread,
    origin,
    arrivals: share(),
    maxConnections: Math.max(1, part(maxConnections)),
  };
}

/** @returns undefined when the thread died */
async function runThread(
  job: EngineJob,
  end: Promise<number>,
  signal: AbortSignal,
  report: (progress: { answered: number; failed: number }) => void,
): Promise<PackedTally | undefined> {
  const { arrivals } = job;
  const transferList = arrivals.loop === 'recorded' ? [arrivals.port] : [];
  const worker = new Worker(workerFile(), { workerData: job, transferList });
  const stop = () => worker.postMessage('stop');
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise((resolve) => {
      let tally: PackedTally | undefined;
      let patience: NodeJS.Timeout | undefined;
      void end.then((endMs) => {
        const untilEnd = job.origin + endMs - performance.timeOrigin - performance.now();
        // One that hangs is lost as one that died is.
        patience = setTimeout(() => void worker.terminate(), untilEnd + job.drainMs + handOverMs).unref();
      });
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
