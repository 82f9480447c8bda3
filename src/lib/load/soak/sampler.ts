import { setTimeout as delay } from 'node:timers/promises';

import type { Point } from '../../statistics/trend.js';
import type { Series } from './drift.js';

/** What can be asked for its value at any time. */
export interface Gauge {
  readonly name: string;
  readonly unit: Series['unit'];
  /** Undefined when it has no value now. @throws when it cannot be read */
  read(signal: AbortSignal): Promise<number | undefined>;
}

/** As many points are kept of a gauge as a trend needs. */
const mostPoints = 600;

/** Reads gauges at an interval while a run lasts. A gauge that cannot be read has no point then. */
export class Sampler {
  readonly #series: readonly { readonly gauge: Gauge; readonly points: Point[]; problem?: string }[];
  readonly #stop = new AbortController();
  readonly #everyMs: number;
  #done: Promise<void> | undefined;

  constructor(gauges: readonly Gauge[], durationMs: number) {
    this.#series = gauges.map((gauge) => ({ gauge, points: [] }));
    this.#everyMs = Math.max(500, durationMs / mostPoints);
  }

  start(): void {
    const began = performance.now();
    this.#done = this.#run(began);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  get series(): Series[] {
    return this.#series.map(({ gauge: { name, unit }, points }) => ({ name, unit, points: [...points] }));
  }

  /** Why gauges could not be read, the last time that they could not. */
  get problems(): string[] {
    return this.#series.flatMap(({ gauge, problem }) =>
      problem === undefined ? [] : [`${gauge.name}: ${problem}`],
    );
  }

  async #run(began: number): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const at = performance.now() - began;
      await Promise.all(
        this.#series.map(async (one) => {
          try {
            const value = await one.gauge.read(signal);
            if (value !== undefined && Number.isFinite(value)) one.points.push({ at, value });
          } catch (error) {
            if (!signal.aborted) one.problem = (error as Error).message;
          }
        }),
      );
      // The end of the run ends the wait.
      await delay(this.#everyMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
