/**
 * What noisy answers to "does x hold?" say of the highest x that does: probabilistic bisection (Horstein 1963; Waeber,
 * Frazier and Henderson 2013). Each answer shifts belief along a grid, evenly spaced in the logarithm of x; none is
 * believed entirely, and close to the limit an answer says little. So a wrong one is outvoted by those that follow.
 */
export class ThresholdPosterior {
  readonly #logs: readonly number[];
  #weights: number[];

  /** Before any answer, each order of magnitude from `low` to `high` is as likely. Both are above 0. */
  constructor(low: number, high: number) {
    const [from, to] = [Math.log(low), Math.log(high)];
    const cells = Math.max(1, Math.ceil((to - from) / cellWidth));
    this.#logs = Array.from({ length: cells + 1 }, (_, i) => from + ((to - from) * i) / cells);
    this.#weights = this.#logs.map(() => 1 / this.#logs.length);
  }

  observe(x: number, holds: boolean): void {
    const at = Math.log(x);
    const weights = this.#weights.map((weight, i) => {
      const below = 1 / (1 + Math.exp((at - this.#logs[i]!) / blur));
      const likelihood = wrong + (1 - 2 * wrong) * below;
      return weight * (holds ? likelihood : 1 - likelihood);
    });
    const sum = weights.reduce((total, weight) => total + weight, 0);
    this.#weights = weights.map((weight) => weight / sum);
  }

  /** The x that the limit does not exceed with probability `p`. */
  quantile(p: number): number {
    let sum = 0;
    const i = this.#weights.findIndex((weight) => (sum += weight) >= p);
    return Math.exp(this.#logs[i < 0 ? this.#logs.length - 1 : i]!);
  }

  /** The probability that the limit is within `low` and `high`. */
  within(low: number, high: number): number {
    const [from, to] = [Math.log(low), Math.log(high)];
    return this.#weights.reduce(
      (sum, weight, i) => sum + (this.#logs[i]! >= from && this.#logs[i]! <= to ? weight : 0),
      0,
    );
  }
}

/** In the logarithm: a quarter of a percent. */
const cellWidth = 0.0025;
/** In the logarithm: how close to the limit answers are undecided. */
const blur = 0.01;
/** Probability that an answer far from the limit is wrong. */
const wrong = 0.03;
