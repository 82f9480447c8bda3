/** Chooses by weight, in the same order in each run. */
export class Picker<T extends { readonly weight: number }> {
  readonly #choices: readonly T[];
  readonly #sums: number[] = [];
  readonly #random: () => number;

  /** @param choices at least one with a weight above 0 */
  constructor(choices: readonly T[], random: () => number) {
    this.#choices = choices.filter(({ weight }) => weight > 0);
    let sum = 0;
    for (const { weight } of this.#choices) this.#sums.push((sum += weight));
    this.#random = random;
  }

  next(): T {
    const choices = this.#choices;
    if (choices.length === 1) return choices[0]!;
    const at = this.#random() * this.#sums.at(-1)!;
    return choices[this.#sums.findIndex((sum) => at < sum)] ?? choices.at(-1)!;
  }
}
