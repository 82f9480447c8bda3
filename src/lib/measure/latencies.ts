import type { JsHistogram } from 'hdr-histogram-js/dist/JsHistogram.js';

import { type Digits, HdrCounts } from './hdr-counts.js';

/** Microseconds; longer ones count as this: an hour. */
const longestUs = 3_600_000_000;
/** Every value is kept to one in a thousand. */
const significantDigits = 3;
const bitsPerCount = 64;

interface Codec {
  encode(counts: HdrCounts): string;
  decode(text: string): HdrCounts;
}

/** Its index loads the same again as WebAssembly, in 60 ms; these take 10 ms. */
async function hdrCodec(): Promise<Codec> {
  const [{ constructorFromBucketSize }, { decompress, doDecode }] = await Promise.all([
    import('hdr-histogram-js/dist/JsHistogramFactory.js'),
    import('hdr-histogram-js/dist/JsHistogram.encoding.js'),
  ]);
  const Histogram = constructorFromBucketSize(bitsPerCount);
  return {
    encode(counts) {
      const histogram = new Histogram(1, 2, counts.digits);
      histogram.autoResize = true;
      counts.forEach((value, count) => histogram.recordValueWithCount(value, count));
      return histogram.encodeIntoCompressedBase64(9);
    },
    decode: (text) => countsOf(doDecode(decompress(Buffer.from(text, 'base64')), bitsPerCount, 1)),
  };
}

function countsOf(histogram: JsHistogram): HdrCounts {
  const counts = new HdrCounts(histogram.numberOfSignificantValueDigits <= 2 ? 2 : 3);
  for (let index = 0; index < histogram.countsArrayLength; index++) {
    const count = histogram.getCountAtIndex(index);
    if (count > 0) counts.record(Math.min(longestUs, histogram.valueFromIndex(index)), count);
  }
  return counts;
}

/**
 * Latencies in milliseconds, from a microsecond to an hour, each to 0.1 %, in fixed memory (95 kB for a second's worth).
 * HdrHistogram (Tene): the count of each is exact, so that histograms of several workers can be added up.
 */
export class Latencies {
  readonly #counts: HdrCounts;
  readonly #codec: Codec;

  private constructor(counts: HdrCounts, codec: Codec) {
    this.#counts = counts;
    this.#codec = codec;
  }

  static async open(): Promise<Latencies> {
    return (await Latencies.opener())();
  }

  /** What opens many without waiting for each, with so many significant digits: 2 take a tenth of the memory of 3. */
  static async opener(digits: Digits = significantDigits): Promise<() => Latencies> {
    const codec = await hdrCodec();
    return () => new Latencies(new HdrCounts(digits), codec);
  }

  /** What `encode` wrote, here or with any HdrHistogram of version 2. @throws Error when it is not that. */
  static async decode(text: string): Promise<Latencies> {
    const codec = await hdrCodec();
    return new Latencies(codec.decode(text), codec);
  }

  get count(): number {
    return this.#counts.total;
  }

  record(ms: number): void {
    this.#counts.record(toUs(ms));
  }

  /** Milliseconds that the share `q` of all latencies does not exceed (nearest rank); 0 without any. */
  quantile(q: number): number {
    // A product that is whole but for rounding is whole.
    const rank = Math.ceil(q * this.count * (1 - 4 * Number.EPSILON));
    return this.#counts.valueAt(Math.max(1, rank)) / 1000;
  }

  /** Latencies of at most so many milliseconds, to the precision of the histogram. */
  countUpTo(ms: number): number {
    return this.#counts.countUpTo(toUs(ms));
  }

  /** Milliseconds of all together, to the precision of the histogram. */
  get sum(): number {
    return this.#counts.sum / 1000;
  }

  /** By how much latencies around `ms` may differ and be recorded as the same one; both in milliseconds. */
  widthAt(ms: number): number {
    return this.#counts.widthAt(toUs(ms)) / 1000;
  }

  /** The counts that are not 0, as pairs of microseconds and count: for another thread, in a thousandth of the time of `encode`. */
  pack(): Float64Array {
    const pairs: number[] = [];
    this.#counts.forEach((value, count) => pairs.push(value, count));
    return Float64Array.from(pairs);
  }

  /** Adds what `pack` gave. */
  addPacked(pairs: Float64Array): void {
    for (let i = 0; i < pairs.length; i += 2) this.#counts.record(pairs[i]!, pairs[i + 1]);
  }

  /** Adds what `encode` wrote. @throws Error when it is not that */
  addEncoded(text: string): void {
    this.#counts.add(this.#codec.decode(text));
  }

  add(other: Latencies): void {
    this.#counts.add(other.#counts);
  }

  /** As base64 of HdrHistogram's compressed format. */
  encode(): string {
    return this.#codec.encode(this.#counts);
  }
}

function toUs(ms: number): number {
  return Math.min(longestUs, Math.max(1, Math.round(ms * 1000)));
}
