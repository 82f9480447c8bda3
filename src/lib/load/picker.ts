import type { PreparedRequest } from './job.js';

/** Chooses requests by their weights, in the same order in each run. */
export class Picker {
  readonly #requests: readonly PreparedRequest[];
  readonly #sums: number[] = [];
  #state: number;

  constructor(requests: readonly PreparedRequest[], seed: number) {
    this.#requests = requests.filter(({ weight }) => weight > 0);
    let sum = 0;
    for (const { weight } of this.#requests) this.#sums.push((sum += weight));
    this.#state = (seed * 0x9e3779b1) | 0;
  }

  next(): PreparedRequest {
    const requests = this.#requests;
    if (requests.length === 1) return requests[0]!;
    const at = this.#random() * this.#sums.at(-1)!;
    return requests[this.#sums.findIndex((sum) => at < sum)] ?? requests.at(-1)!;
  }

  /** From 0 to 1: mulberry32. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
