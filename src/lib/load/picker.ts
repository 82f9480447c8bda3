/** Chooses by weight, in the same order in each run. */
export class Picker<T extends { readonly weight: number }> {
  readonly #choices: readonly T[];
  readonly #sums: number[] = [];
  #state: number;

  /** @param choices at least one with a weight above 0 */
  constructor(choices: readonly T[], seed: number) {
    this.#choices = choices.filter(({ weight }) => weight > 0);
    let sum = 0;
    for (const { weight } of this.#choices) this.#sums.push((sum += weight));
    this.#state = (seed * 0x9e3779b1) | 0;
  }

  next(): T {
    const choices = this.#choices;
    if (choices.length === 1) return choices[0]!;
    const at = this.#random() * this.#sums.at(-1)!;
    return choices[this.#sums.findIndex((sum) => at < sum)] ?? choices.at(-1)!;
  }

  /** From 0 to 1: mulberry32. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
