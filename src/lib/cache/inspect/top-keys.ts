import type { KeyInfo } from '../bulk-level.js';

/** The `size` keys with the highest rank seen so far. */
export class TopKeys {
  readonly #keys: KeyInfo[] = [];
  #floor = -Infinity;

  constructor(
    private readonly size: number,
    private readonly rank: (info: KeyInfo) => number,
  ) {}

  offer(info: KeyInfo): void {
    const rank = this.rank(info);
    if (this.#keys.length >= this.size && rank <= this.#floor) return;
    let at = this.#keys.length;
    while (at > 0 && this.rank(this.#keys[at - 1]!) < rank) at--;
    this.#keys.splice(at, 0, info);
    if (this.#keys.length > this.size) this.#keys.pop();
    this.#floor = this.rank(this.#keys.at(-1)!);
  }

  list(): KeyInfo[] {
    return this.#keys;
  }
}
