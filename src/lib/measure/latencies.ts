import type { JsHistogram } from 'hdr-histogram-js/dist/JsHistogram.js';

/** Microseconds; longer ones count as this: an hour. */
const longestUs = 3_600_000_000;
/** Every value is kept to one in a thousand. */
const significantDigits = 3;
const bitsPerCount = 32;

/** Its index loads the same again as WebAssembly, in 60 ms; these take 10 ms. */
async function hdrHistogram() {
  const [{ constructorFromBucketSize }, { decompress, doDecode }] = await Promise.all([
    import('hdr-histogram-js/dist/JsHistogramFactory.js'),
    import('hdr-histogram-js/dist/JsHistogram.encoding.js'),
  ]);
  return {
    Histogram: constructorFromBucketSize(bitsPerCount),
    decode: (compressed: Buffer) => doDecode(decompress(compressed), bitsPerCount, 1),
  };
}

/**
 * Latencies in milliseconds, from a microsecond to an hour, each to 0.1 %, in fixed memory (95 kB for a second's worth).
 * HdrHistogram (Tene): the count of each is exact, so that histograms of several workers can be added up.
 */
export class Latencies {
  readonly #histogram: JsHistogram;

  private constructor(histogram: JsHistogram) {
    this.#histogram = histogram;
  }

  static async open(): Promise<Latencies> {
    return (await Latencies.opener())();
  }

  /** What opens many without waiting for each, with so many significant digits: 2 take a tenth of the memory of 3. */
  static async opener(digits: 2 | 3 = significantDigits): Promise<() => Latencies> {
    const { Histogram } = await hdrHistogram();
    return () => {
      const histogram = new Histogram(1, 2, digits);
      histogram.autoResize = true;
      return new Latencies(histogram);
    };
  }

  /** What `encode` wrote, here or with any HdrHistogram of version 2. @throws Error when it is not that. */
  static async decode(text: string): Promise<Latencies> {
    const { decode } = await hdrHistogram();
    const histogram = decode(Buffer.from(text, 'base64'));
    histogram.autoResize = true;
    return new Latencies(histogram);
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(longestUs, Math.max(1, Math.round(ms * 1000))));
  }

  /** Milliseconds that the share `q` of all latencies does not exceed (nearest rank); 0 without any. */
  quantile(q: number): number {
    return this.count === 0 ? 0 : this.#histogram.getValueAtPercentile(q * 100) / 1000;
  }

  /** By how much latencies around `ms` may differ and be recorded as the same one; both in milliseconds. */
  widthAt(ms: number): number {
    return this.#histogram.sizeOfEquivalentValueRange(Math.max(1, Math.round(ms * 1000))) / 1000;
  }

  add(other: Latencies): void {
    this.#histogram.add(other.#histogram);
  }

  /** As base64 of HdrHistogram's compressed format. */
  encode(): string {
    return this.#histogram.encodeIntoCompressedBase64(9);
  }
}
