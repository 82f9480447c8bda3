import type { Clock } from '../lib/core/clock.js';
import { NotWritten, errorMessage } from '../lib/core/errors.js';
import { type Ended, readLastRun, type RunMetrics, writeMetricsFile } from './metrics-file.js';

const everyMs = 15_000;

export interface RunMetricsOptions {
  path: string;
  /** `cache.warm`. */
  command: string;
  job: string;
  clock: Clock;
  /** What was handled so far, by kind. */
  counts(): Record<string, number>;
  /** A file that cannot be written is told once while the command runs. */
  warn(message: string): void;
}

/** `--metrics-file`: written at the start, every 15 s, and at the end. */
export class RunMetricsFile {
  readonly #options: RunMetricsOptions;
  readonly #stop = new AbortController();
  #writing: Promise<void> | undefined;

  constructor(options: RunMetricsOptions) {
    this.#options = options;
  }

  /** Writes that a run is under way, how the last one ended, and from now on the counts so far. */
  async start(): Promise<void> {
    const ended = await readLastRun(this.#options.path, this.#options);
    // Should it not be written, `finish` of a short command says so.
    await this.#write({ running: true, ended, counts: {} }).catch(() => {});
    this.#writing = this.#keepWriting(ended);
  }

  /** Writes how the run ended. @returns what to tell when that was not written */
  async finish(run: Pick<RunMetrics, 'counts' | 'gauges' | 'histograms'> & { ended: Ended }): Promise<NotWritten[]> {
    this.#stop.abort();
    await this.#writing;
    try {
      await this.#write({ running: false, ...run });
      return [];
    } catch (error) {
      return [new NotWritten(`the metrics file was not written, and is as it was: ${errorMessage(error)}`)];
    }
  }

  async #keepWriting(ended: Ended | undefined): Promise<void> {
    const { clock, counts, warn } = this.#options;
    const { signal } = this.#stop;
    for (;;) {
      // Stopped by `finish`, which is no failure.
      await clock.sleep(everyMs, signal).catch(() => {});
      if (signal.aborted) return;
      await this.#write({ running: true, ended, counts: counts() }).catch((error: unknown) =>
        warn(`the metrics file was not written, and is as it was: ${errorMessage(error)}`),
      );
    }
  }

  #write(run: Omit<RunMetrics, 'command' | 'job'>): Promise<void> {
    const { path, command, job } = this.#options;
    return writeMetricsFile(path, { command, job, ...run });
  }
}
