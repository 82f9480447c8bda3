import type { Stage } from './job.js';

/**
 * When requests are due: arrival i at the instant at which the sum of the rate over time reaches i, in nanoseconds from the origin.
 * Computed from i alone, so that no rounding adds up, and the same however many threads share the arrivals.
 */
export class Schedule {
  /** Of each stage: its start in seconds, and the arrivals due before it. */
  readonly #parts: readonly (Stage & { readonly startS: number; readonly before: number })[];
  /** All arrivals: those that are due before the end. */
  readonly count: number;

  constructor(stages: readonly Stage[]) {
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
  }

  /** Nanoseconds from the origin, whole; from 0 to `count` − 1. */
  dueNs(i: number): number {
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
