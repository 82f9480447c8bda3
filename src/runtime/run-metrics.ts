import type { Clock } from '../lib/core/clock.js';
import { NotWritten, errorMessage } from '../lib/core/errors.js';
import type { Redactor } from '../lib/core/secrets/redactor.js';
import { type Ended, readLastRun, type RunMetrics, writeMetricsFile } from './metrics-file.js';

const everyMs = 15_000;

export interface RunMetricsOptions {
  path: string;
  /** `cache.warm`. */
  command: string;
  job: string;
  clock: Clock;
  redactor: Redactor;
  /** What was handled so far, by kind. */
  counts(): Record<string, number>;
  /** A file that cannot be written is told once while the command runs. */
  warn(message: string): void;
}

/** `--metrics-file`: written when the work starts, every 15 s, and at the end. */
export class RunMetricsFile {
  readonly #options: RunMetricsOptions;
  readonly #stop = new AbortController();
  #writing: Promise<void> | undefined;

  constructor(options: RunMetricsOptions) {
    this.#options = options;
  }

  /** From now on the file says that a run is under way, its counts so far, and how the last one ended. */
  start(): void {
    this.#writing ??= this.#keepWriting();
  }

  /** Writes how the run ended. @returns what to tell when that was not written */
  async finish(
    run: Pick<RunMetrics, 'counts' | 'gauges' | 'histograms'> & { ended: Ended },
  ): Promise<NotWritten[]> {
    this.#stop.abort();
    await this.#writing;
    try {
      await this.#write({ running: false, ...run });
      return [];
    } catch (error) {
      return [new NotWritten(notWritten(error))];
    }
  }

  async #keepWriting(): Promise<void> {
    const { path, clock, counts, warn } = this.#options;
    const { signal } = this.#stop;
    const ended = await readLastRun(path, this.#options);
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      await this.#write({ running: true, ended, counts: counts() }).catch((error: unknown) => {
        // The end of a short run tells it as an error.
        if (!isFirst) warn(notWritten(error));
      });
      // Stopped by `finish`, which is no failure.
      await clock.sleep(everyMs, signal).catch(() => {});
    }
  }

  #write(run: Omit<RunMetrics, 'command' | 'job'>): Promise<void> {
    const { path, command, job, redactor } = this.#options;
    return writeMetricsFile(path, redactor.data({ command, job, ...run }));
  }
}

function notWritten(error: unknown): string {
  return `the metrics file was not written, and is as it was: ${errorMessage(error)}`;
}
