import type { Latencies } from '../measure/latencies.js';
import type { OpenLatencies } from './tally.js';

/** A quantile that is known, or only from below: requests without an answer are at least as slow as they are old. */
export interface Bounded {
  /** Milliseconds. */
  readonly atLeast: number;
  /** The same when it is known exactly; infinite when nothing bounds it. */
  readonly atMost: number;
}

/**
 * Quantiles of latencies of which some are only known to be longer than an age (right-censored). The lower bound takes
 * each age for the latency, the upper one takes it for infinite.
 */
export class CensoredLatencies {
  readonly #exact: Latencies;
  readonly #all: Latencies;

  constructor(exact: Latencies, ages: Latencies, open: OpenLatencies) {
    this.#exact = exact;
    this.#all = open();
    this.#all.add(exact);
    this.#all.add(ages);
  }

  get count(): number {
    return this.#all.count;
  }

  /** The latency that the share `q` of all does not exceed (nearest rank); undefined without any. */
  quantile(q: number): Bounded | undefined {
    const { count } = this.#all;
    if (count === 0) return undefined;
    const rank = Math.max(1, Math.ceil(q * count - 1e-9));
    const known = this.#exact.count;
    return {
      atLeast: this.#all.quantile(rank / count),
      atMost: rank <= known ? this.#exact.quantile(rank / known) : Infinity,
    };
  }
}
