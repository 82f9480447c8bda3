import type { FixedColumn } from '../fixed-column.js';
import { bitWidth } from './hybrid.js';

/** After this number of values it is checked whether they repeat. */
const sample = 32_768;
const mostEntries = 1 << 16;

/** Distinct values of a column of 4 or 8 bytes, and which of them each value is. */
export interface FixedDictionary {
  /** Entries one after the other, as 32-bit integers. */
  readonly entries: Int32Array;
  readonly count: number;
  readonly codes: Int32Array;
  /** What both take, about. */
  readonly bytes: number;
}

/** Makes dictionaries of one column, batch by batch, in the same memory. */
export class FixedDictionaryMaker {
  readonly #words: 1 | 2;
  #codes = new Int32Array(0);
  #entries = new Int32Array(1 << 10);
  #slots = new Int32Array(1 << 11).fill(-1);

  constructor(width: 4 | 8) {
    this.#words = width === 4 ? 1 : 2;
  }

  /** @returns undefined when it would not be smaller than the values */
  make({ int32: values, count }: FixedColumn): FixedDictionary | undefined {
    const words = this.#words;
    // Codes have up to 16 bits, values 32 or 64: beyond this share of different ones a dictionary takes more.
    const most = 1 - 1 / (2 * words);
    if (count > this.#codes.length) this.#codes = new Int32Array(2 * count);
    const codes = this.#codes;
    let slots = this.#slots.fill(-1);
    let entries = this.#entries;
    let made = 0;
    let repeats = 0;
    for (let i = 0; i < count; i++) {
      const low = values[i * words]!;
      const high = words === 2 ? values[2 * i + 1]! : 0;
      if (i > 0 && low === values[(i - 1) * words] && (words === 1 || high === values[2 * i - 1])) {
        codes[i] = codes[i - 1]!;
        repeats++;
        continue;
      }
      const mask = slots.length - 1;
      let slot = hash(low, high) & mask;
      let entry = slots[slot]!;
      while (
        entry >= 0 &&
        (entries[entry * words] !== low || (words === 2 && entries[2 * entry + 1] !== high))
      ) {
        slot = (slot + 1) & mask;
        entry = slots[slot]!;
      }
      if (entry < 0) {
        if (made === mostEntries || (i >= sample && made > most * i)) return undefined;
        if ((made + 1) * words > entries.length) this.#entries = entries = doubled(entries);
        entry = made++;
        slots[slot] = entry;
        entries[entry * words] = low;
        if (words === 2) entries[2 * entry + 1] = high;
        if (2 * made > slots.length) this.#slots = slots = rehashed(entries, made, words, slots.length);
      }
      codes[i] = entry;
    }
    // Codes are packed, or runs of equal ones are counted.
    const bits = bitWidth(made);
    const bytes = made * words * 4 + Math.min((count * bits) / 8, (count - repeats) * (2 + bits / 8));
    return bytes < count * words * 4 ? { entries, count: made, codes, bytes } : undefined;
  }
}

function hash(low: number, high: number): number {
  let h = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  h ^= h >>> 15;
  h = Math.imul(h, 0x85ebca6b);
  return h ^ (h >>> 13);
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * array.length);
  more.set(array);
  return more;
}

function rehashed(entries: Int32Array, count: number, words: 1 | 2, before: number): Int32Array<ArrayBuffer> {
  const slots = new Int32Array(2 * before).fill(-1);
  const mask = slots.length - 1;
  for (let entry = 0; entry < count; entry++) {
    let slot = hash(entries[entry * words]!, words === 2 ? entries[2 * entry + 1]! : 0) & mask;
    while (slots[slot]! >= 0) slot = (slot + 1) & mask;
    slots[slot] = entry;
  }
  return slots;
}
