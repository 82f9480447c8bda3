import { bytesOf } from '../core/bytes.js';
/**
 * Counts keys within fixed memory. Exact while they fit; beyond that it is the Space-Saving algorithm (Metwally,
 * Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams, ICDT 2005): a new key
 * takes the place and the count of the least frequent one. No count is ever too low, none is more than `maxError` too
 * high, and every key that occurred more often than `maxError` times is there.
 */
export class FrequentKeys {
  readonly #slots = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #counts: number[] = [];
  readonly #free: number[] = [];
  /** Slots as a binary heap, the least frequent first; made when memory first runs out. */
  #heap: number[] | undefined;
  readonly #place: number[] = [];
  #bytes = 0;
  #maxError = 0;

  constructor(
    private readonly maxKeys: number,
    /** Of all keys together. */
    private readonly maxBytes: number,
  ) {}

  get size(): number {
    return this.#slots.size;
  }

  /** 0 while the counts are exact. */
  get maxError(): number {
    return this.#maxError;
  }

  add(key: string): void {
    const slot = this.#slots.get(key);
    if (slot !== undefined) {
      this.#counts[slot]!++;
      if (this.#heap) this.#down(this.#heap, this.#place[slot]!);
      return;
    }
    while (this.size > 0 && (this.size >= this.maxKeys || this.#bytes + key.length > this.maxBytes))
      this.#evict();
    this.#insert(key, this.#maxError + 1);
  }

  /** Keys and counts, in the order in which the keys first came as long as the counts are exact. */
  *entries(): IterableIterator<[key: string, count: number]> {
    for (const [key, slot] of this.#slots) yield [key, this.#counts[slot]!];
  }

  #insert(key: string, count: number): void {
    const slot = this.#free.pop() ?? this.#keys.length;
    // A copy: a slice of a larger text would keep all of it in memory.
    const own = bytesOf(Buffer.from(key, 'latin1'));
    this.#keys[slot] = own;
    this.#counts[slot] = count;
    this.#slots.set(own, slot);
    this.#bytes += own.length;
    if (this.#heap) this.#up(this.#heap, this.#heap.push(slot) - 1, slot);
  }

  #evict(): void {
    const heap = (this.#heap ??= this.#heapify());
    const slot = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      this.#down(heap, 0);
    }
    this.#maxError = this.#counts[slot]!;
    this.#slots.delete(this.#keys[slot]!);
    this.#bytes -= this.#keys[slot]!.length;
    this.#free.push(slot);
  }

  #heapify(): number[] {
    const heap = [...this.#slots.values()].sort((a, b) => this.#counts[a]! - this.#counts[b]!);
    heap.forEach((slot, at) => (this.#place[slot] = at));
    return heap;
  }

  #up(heap: number[], start: number, slot: number): void {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#counts[heap[parent]!]! <= this.#counts[slot]!) break;
      this.#put(heap, at, heap[parent]!);
      at = parent;
    }
    this.#put(heap, at, slot);
  }

  #down(heap: number[], start: number): void {
    const slot = heap[start]!;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#counts[heap[child + 1]!]! < this.#counts[heap[child]!]!) child++;
      if (this.#counts[heap[child]!]! >= this.#counts[slot]!) break;
      this.#put(heap, at, heap[child]!);
      at = child;
    }
    this.#put(heap, at, slot);
  }

  #put(heap: number[], at: number, slot: number): void {
    heap[at] = slot;
    this.#place[slot] = at;
  }
}
