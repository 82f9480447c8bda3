import type { Stage } from './job.js';
import { seededRandom } from './random.js';

/**
 * When requests are due: arrival i at the instant at which the sum of the rate over time reaches i, in nanoseconds from the origin.
 * Computed from i alone, so that no rounding adds up, and the same however many threads share the arrivals.
 */
export class Schedule {
  /** Of each stage: its start in seconds, and the arrivals due before it. */
  readonly #parts: readonly (Stage & { readonly startS: number; readonly before: number })[];
  /** All arrivals: those that are due before the end. */
  readonly count: number;
  readonly #points: PoissonPoints | undefined;

  /** @param spacing `poisson`: between arrivals is as much time as between those of independent users */
  constructor(stages: readonly Stage[], spacing?: 'poisson') {
    let startS = 0;
    let before = 0;
    this.#parts = stages.map((stage) => {
      const part = { ...stage, startS, before };
      startS += stage.durationMs / 1000;
      before += ((stage.from + stage.to) / 2) * (stage.durationMs / 1000);
      return part;
    });
    // Arrival 0 is due when the sum is 0. A sum that is whole but for rounding is whole.
    this.count = Math.ceil(before - 1e-6);
    if (spacing === 'poisson') this.#points = new PoissonPoints(before);
  }

  /** Nanoseconds from the origin, whole; from 0 to `count` − 1. */
  dueNs(i: number): number {
    return this.#instantOf(this.#points ? this.#points.at(i) : i);
  }

  /** When the sum of the rate reaches a number, in nanoseconds. */
  #instantOf(i: number): number {
    const parts = this.#parts;
    let k = 0;
    // The last stage that has begun when the sum is i, and whose own sum reaches it.
    while (k < parts.length - 1 && parts[k + 1]!.before <= i + 1e-9) k++;
    const { from, to, durationMs, startS, before } = parts[k]!;
    const wanted = Math.max(0, i - before);
    const slope = (to - from) / (durationMs / 1000);
    // from·t + slope·t²/2 = wanted; this form of the root loses no digits when the slope is small.
    const root = Math.sqrt(Math.max(0, from * from + 2 * slope * wanted));
    const t = wanted === 0 ? 0 : (2 * wanted) / (from + root);
    return Math.round((startS + t) * 1e9);
  }
}

const blockSize = 1000;

/**
 * A Poisson process of rate 1, given that each block of 1,000 has 1,000 arrivals: within it they are uniform, in order
 * (Kingman, Poisson Processes, 2.4). So the mean is exact, and each arrival follows from its number alone, whichever
 * thread asks.
 */
class PoissonPoints {
  readonly #sum: number;
  #block = -1;
  #points: Float64Array = new Float64Array();

  /** @param sum where the process ends */
  constructor(sum: number) {
    this.#sum = sum;
  }

  at(i: number): number {
    const block = Math.floor(i / blockSize);
    if (block !== this.#block) {
      this.#block = block;
      const begin = block * blockSize;
      const length = Math.min(blockSize, this.#sum - begin);
      const random = seededRandom(block + 1);
      this.#points = Float64Array.from({ length: Math.ceil(length - 1e-6) }, () => begin + random() * length);
      this.#points.sort();
    }
    return this.#points[i - block * blockSize]!;
  }
}
