import { type Hash, hashWords } from './document-hash.js';

export function isSame(a: Hash, atA: number, b: Hash, atB: number): boolean {
  for (let i = 0; i < hashWords; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}

/** Places of hashes within words, by the hash. */
export class HashTable {
  readonly #words: Hash;
  /** Places plus 1; 0 is free. */
  readonly #slots: Int32Array;
  #size = 0;

  /** @param records how many there can be */
  constructor(words: Hash, records: number) {
    this.#words = words;
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * Math.max(1, records))));
  }

  get size(): number {
    return this.#size;
  }

  /** False when the hash was there already: the place replaces the one before. */
  put(at: number): boolean {
    const slot = this.#slotOf(this.#words, at);
    const isNew = this.#slots[slot] === 0;
    if (isNew) this.#size++;
    this.#slots[slot] = at + 1;
    return isNew;
  }

  find(words: Hash, at: number): number | undefined {
    const place = this.#slots[this.#slotOf(words, at)]!;
    return place === 0 ? undefined : place - 1;
  }

  *places(): Iterable<number> {
    for (const place of this.#slots) if (place !== 0) yield place - 1;
  }

  #slotOf(words: Hash, at: number): number {
    const mask = this.#slots.length - 1;
    // Not the first word: all hashes of a part have its first byte in common.
    for (let slot = words[at + 1]! & mask; ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot]!;
      if (place === 0 || isSame(this.#words, place - 1, words, at)) return slot;
    }
  }
}
