/** Where `HdrCounts` of so many significant digits keeps a value: a power of two that is large enough for them. */
const subBucketBits = { 2: 8, 3: 11 } as const;

export type Digits = keyof typeof subBucketBits;

/**
 * Counts of whole numbers from 0 to 2³² − 1 in HdrHistogram's buckets (Tene, https://github.com/HdrHistogram), each to the
 * significant digits, in an array that grows with the largest one. To record takes a tenth of what it takes hdr-histogram-js,
 * which computes powers and logarithms.
 */
export class HdrCounts {
  readonly digits: Digits;
  total = 0;
  readonly #bits: number;
  readonly #half: number;
  readonly #mask: number;
  /** Doubles: a busy bucket counts beyond 32 bits within a day. */
  #counts = new Float64Array(0);

  constructor(digits: Digits) {
    this.digits = digits;
    this.#bits = subBucketBits[digits];
    this.#half = 1 << (this.#bits - 1);
    this.#mask = (1 << this.#bits) - 1;
  }

  record(value: number, count = 1): void {
    const bucket = this.#bucketOf(value);
    const index = bucket * this.#half + (value >>> bucket);
    if (index >= this.#counts.length) this.#grow((bucket + 2) * this.#half);
    this.#counts[index]! += count;
    this.total += count;
  }

  /** How many values are counted as the same one as this is. */
  widthAt(value: number): number {
    return 2 ** this.#bucketOf(value);
  }

  /** Those of at most this value, and those that are counted as the same. */
  countUpTo(value: number): number {
    const bucket = this.#bucketOf(value);
    const next = bucket * this.#half + (value >>> bucket) + 1;
    return this.#counts.subarray(0, next).reduce((sum, count) => sum + count, 0);
  }

  /** All values together, each taken for the middle of its bucket. */
  get sum(): number {
    let sum = 0;
    this.forEach((value, count) => (sum += count * (value - (this.widthAt(value) - 1) / 2)));
    return sum;
  }

  /** The largest value of the bucket that holds the one of this rank, from 1 on; 0 where there are fewer. */
  valueAt(rank: number): number {
    let left = rank;
    const counts = this.#counts;
    for (let index = 0; index < counts.length; index++) {
      left -= counts[index]!;
      if (left <= 0) return this.#largestAt(index);
    }
    return 0;
  }

  add(other: HdrCounts): void {
    if (other.digits !== this.digits) return other.forEach((value, count) => this.record(value, count));
    if (other.#counts.length > this.#counts.length) this.#grow(other.#counts.length);
    other.#counts.forEach((count, index) => (this.#counts[index]! += count));
    this.total += other.total;
  }

  /** Every bucket that is not empty, by its largest value. */
  forEach(visit: (value: number, count: number) => void): void {
    this.#counts.forEach((count, index) => {
      if (count > 0) visit(this.#largestAt(index), count);
    });
  }

  /** How often the value is halved until it fits into the sub-buckets; 0 for what they hold. */
  #bucketOf(value: number): number {
    return 32 - Math.clz32(value | this.#mask) - this.#bits;
  }

  #largestAt(index: number): number {
    const bucket = Math.max(0, Math.floor(index / this.#half) - 1);
    return (index - bucket * this.#half + 1) * 2 ** bucket - 1;
  }

  #grow(length: number): void {
    const counts = new Float64Array(length);
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
