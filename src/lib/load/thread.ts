import { Worker } from 'node:worker_threads';

import { errorMessage, UserError } from '../core/errors.js';
import type { EngineJob } from './job.js';
import type { PackedTally } from './packed-tally.js';
import type { ThreadMessage, ThreadOrder, ThreadReport } from './thread-message.js';

/** A thread that has not started by then is lost. */
const startMs = 60_000;
/** After the drain a thread has so long to hand its counts over. */
const handOverMs = 10_000;
/**
 * Garbage of requests is short-lived. By itself V8 lets the space for it grow within minutes to 48 MB, so that a long run would take more
 * memory than a short one.
 */
const youngMb = 6;
/** Node's timers take no more: 24 days. */
const longestTimerMs = 2 ** 31 - 1;

/** A thread of the generator. It is ready, is started, and ends. */
export class Thread {
  /** Resolves when the thread could start at once, or has died. */
  readonly ready: Promise<void>;
  /** Resolves to what it counted; to why it died, when it did. */
  readonly end: Promise<PackedTally | string>;
  readonly #job: Omit<EngineJob, 'origin'>;
  readonly #worker: Worker;
  #origin = 0;
  #hasEnded = false;
  #reason: string | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(job: Omit<EngineJob, 'origin'>, take: (report: ThreadReport) => void) {
    this.#job = job;
    const { arrivals } = job;
    const transferList = arrivals.loop === 'recorded' ? [arrivals.port] : [];
    const resourceLimits = { maxYoungGenerationSizeMb: youngMb };
    const worker = new Worker(workerFile(), { workerData: job, transferList, resourceLimits });
    this.#worker = worker;
    this.#within(startMs);
    let tally: PackedTally | undefined;
    let isReady!: () => void;
    this.ready = new Promise((resolve) => (isReady = resolve));
    this.end = new Promise((resolve) => {
      worker
        .on('message', (message: ThreadMessage) => {
          if ('tally' in message) tally = message.tally;
          else if ('report' in message) take(message.report);
          else isReady();
        })
        // 'exit' follows, and is what counts.
        .on('error', (error) => (this.#reason = errorMessage(error)))
        .on('exit', (code) => {
          this.#hasEnded = true;
          clearTimeout(this.#patience);
          isReady();
          resolve(tally ?? this.#reason ?? `it ended with exit code ${code}`);
        });
    });
  }

  /** @param origin milliseconds since the epoch, with fractions: when the run begins */
  start(origin: number): void {
    this.#origin = origin;
    clearTimeout(this.#patience);
    this.#tell({ origin });
  }

  /** @param endMs from the origin: nothing is due from then on */
  endsAt(endMs: number): void {
    const untilEndMs = this.#origin - performance.timeOrigin - performance.now() + endMs;
    this.#within(untilEndMs + this.#job.drainMs + handOverMs);
  }

  /** Nothing more is sent; what is under way is waited for in the drain. */
  stop(): void {
    this.#tell('stop');
  }

  /** One that hangs is lost as one that died is. */
  #within(ms: number): void {
    clearTimeout(this.#patience);
    if (this.#hasEnded) return;
    this.#patience = setTimeout(
      () => {
        this.#reason = 'it did not end in time';
        void this.#worker.terminate();
      },
      Math.min(ms, longestTimerMs),
    );
  }

  #tell(order: ThreadOrder): void {
    this.#worker.postMessage(order);
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
