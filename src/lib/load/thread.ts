import { Worker } from 'node:worker_threads';

import { errorMessage } from '../core/errors.js';
import type { EngineJob } from './job.js';
import type { PackedTally } from './packed-tally.js';
import type { ThreadMessage, ThreadOrder, ThreadReport } from './thread-message.js';

/** A thread that has not started by then is lost. */
const startMs = 60_000;
/** After the drain a thread has so long to hand its counts over. */
const handOverMs = 10_000;
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
  #reason: string | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(job: Omit<EngineJob, 'origin'>, take: (report: ThreadReport) => void) {
    this.#job = job;
    const worker = new Worker(workerFile(), { workerData: job });
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
          clearTimeout(this.#patience);
          isReady();
          resolve(tally ?? this.#reason ?? `it ended with exit code ${code}`);
        });
    });
  }

  /** @param origin milliseconds since the epoch, with fractions: when the run begins */
  start(origin: number): void {
    this.#tell({ origin });
    const { durationMs, drainMs } = this.#job;
    const untilBeginMs = origin - performance.timeOrigin - performance.now();
    this.#within(untilBeginMs + durationMs + drainMs + handOverMs);
  }

  /** Nothing more is sent; what is under way is waited for in the drain. */
  stop(): void {
    this.#tell('stop');
  }

  /** One that hangs is lost as one that died is. */
  #within(ms: number): void {
    clearTimeout(this.#patience);
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
  if (dist === undefined) throw new Error('the generator runs from the built package');
  return new URL('lib/load/worker.js', dist);
}
