import { Presence } from './presence.js';

/** There may be thousands of columns. */
const firstSlots = 1 << 6;
const firstBytes = 1 << 10;
const firstOffsets = 1 << 6;
/** Beyond these a dictionary saves nothing: it is given up for the rest of the batch. */
const mostEntries = 1 << 16;
const mostDictionaryBytes = 1 << 20;

/**
 * Byte strings in a batch, one after the other without gaps: rows that are null have none. Equal ones are kept once and
 * values are codes, as long as that is worth it (`codes`); from then on each value is kept (`isPlain`).
 */
export class BytesColumn {
  readonly presence = new Presence();
  /** How many values there are. */
  count = 0;
  isPlain = false;
  /** Which entry each value is, unless `isPlain`. */
  codes: Int32Array;
  /** How many entries: distinct values, or all when `isPlain`. */
  entries = 0;
  /** Entry i is `data` from `offsets[i]` to `offsets[i + 1]`. */
  offsets = new Int32Array(firstOffsets);
  data: Buffer = Buffer.allocUnsafe(firstBytes);
  /** A hash table with linear probing: entries, or −1. Its length is a power of two. */
  #slots = new Int32Array(firstSlots).fill(-1);

  constructor(capacity: number) {
    this.codes = new Int32Array(capacity);
  }

  /** How long all entries are together. */
  get length(): number {
    return this.offsets[this.entries]!;
  }

  /** Bytes of its values. */
  get size(): number {
    return 4 * this.count + (this.entries === 0 ? 0 : this.length);
  }

  /** Makes room for that number of values. */
  reserve(capacity: number): void {
    if (capacity <= this.codes.length) return;
    const more = new Int32Array(2 * capacity);
    more.set(this.codes);
    this.codes = more;
  }

  clear(): void {
    this.count = 0;
    this.entries = 0;
    this.isPlain = false;
    this.#slots.fill(-1);
    this.presence.clear();
  }

  /** Adds `length` bytes of `source` from `at` on. */
  add(source: Uint8Array, at: number, length: number): void {
    if (this.isPlain) {
      this.#append(source, at, length);
      this.count++;
      return;
    }
    const { codes, count } = this;
    // Rows mostly come sorted, or with few values.
    if (count > 0 && this.#is(codes[count - 1]!, source, at, length)) {
      codes[count] = codes[count - 1]!;
      this.count++;
      return;
    }
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash(source, at, length) & mask;
    for (;;) {
      const entry = slots[slot]!;
      if (entry < 0) break;
      if (this.#is(entry, source, at, length)) {
        codes[count] = entry;
        this.count++;
        return;
      }
      slot = (slot + 1) & mask;
    }
    slots[slot] = this.entries;
    codes[count] = this.entries;
    this.count++;
    this.#append(source, at, length);
    if (this.entries > mostEntries || this.length > mostDictionaryBytes) this.#giveUp();
    else if (this.entries * 2 > slots.length) this.#grow();
  }

  #is(entry: number, source: Uint8Array, at: number, length: number): boolean {
    const start = this.offsets[entry]!;
    if (this.offsets[entry + 1]! - start !== length) return false;
    const { data } = this;
    for (let i = 0; i < length; i++) if (data[start + i] !== source[at + i]) return false;
    return true;
  }

  #append(source: Uint8Array, at: number, length: number): void {
    const start = this.entries === 0 ? 0 : this.offsets[this.entries]!;
    const end = start + length;
    if (end > this.data.length) this.data = grown(this.data, start, end);
    if (length < 64) for (let i = 0; i < length; i++) this.data[start + i] = source[at + i]!;
    else this.data.set(source.subarray(at, at + length), start);
    if (this.entries + 2 > this.offsets.length) {
      const more = new Int32Array(2 * this.offsets.length);
      more.set(this.offsets);
      this.offsets = more;
    }
    this.offsets[this.entries] = start;
    this.offsets[++this.entries] = end;
  }

  #grow(): void {
    const slots = new Int32Array(2 * this.#slots.length).fill(-1);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.entries; entry++) {
      const start = this.offsets[entry]!;
      let slot = hash(this.data, start, this.offsets[entry + 1]! - start) & mask;
      while (slots[slot]! >= 0) slot = (slot + 1) & mask;
      slots[slot] = entry;
    }
    this.#slots = slots;
  }

  /** Each value becomes its own entry. */
  #giveUp(): void {
    const { codes, count, data, offsets } = this;
    let total = 0;
    for (let i = 0; i < count; i++) total += offsets[codes[i]! + 1]! - offsets[codes[i]!]!;
    const values = Buffer.allocUnsafe(Math.max(firstBytes, 2 * total));
    const ends = new Int32Array(Math.max(firstOffsets, 2 * count + 2));
    let end = 0;
    for (let i = 0; i < count; i++) {
      const start = offsets[codes[i]!]!;
      const stop = offsets[codes[i]! + 1]!;
      data.copy(values, end, start, stop);
      ends[i + 1] = end += stop - start;
    }
    this.data = values;
    this.offsets = ends;
    this.entries = count;
    this.isPlain = true;
  }
}

function grown(data: Buffer, used: number, needed: number): Buffer {
  const more = Buffer.allocUnsafe(Math.max(needed, 2 * data.length));
  data.copy(more, 0, 0, used);
  return more;
}

/** Of Murmur's kind: four bytes at a time, mixed at the end so that the lower bits depend on all. */
function hash(source: Uint8Array, at: number, length: number): number {
  let h = length;
  const whole = at + (length & ~3);
  let i = at;
  for (; i < whole; i += 4) {
    const word = source[i]! | (source[i + 1]! << 8) | (source[i + 2]! << 16) | (source[i + 3]! << 24);
    h = Math.imul(h ^ word, 0x9e3779b1);
    h ^= h >>> 15;
  }
  for (const end = at + length; i < end; i++) h = Math.imul(h ^ source[i]!, 0x01000193);
  h ^= h >>> 13;
  h = Math.imul(h, 0x85ebca6b);
  return h ^ (h >>> 16);
}
