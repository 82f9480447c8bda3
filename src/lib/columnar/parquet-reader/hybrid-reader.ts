import { ParquetMalformed } from './malformed.js';

/**
 * Numbers that are kept as run lengths and bit packed, read a few at a time: a run may claim any length.
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
 */
export class HybridReader {
  readonly #bytes: Buffer;
  readonly #width: number;
  readonly #end: number;
  #at: number;
  /** Left of the run that has begun. */
  #left = 0;
  #value = 0;
  #isPacked = false;
  /** Of a packed run: the next bit, from the beginning of the bytes. */
  #bit = 0;

  /** @param width bits of each number, up to 32 */
  constructor(bytes: Buffer, at: number, end: number, width: number) {
    if (width > 32) throw new ParquetMalformed(`numbers of ${width} bits`);
    if (end > bytes.length) throw new ParquetMalformed('a page is cut short');
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#width = width;
  }

  /** Reads `count` numbers into `out`, from its beginning on. @throws ParquetMalformed where there are fewer */
  read(out: Int32Array, count: number): void {
    for (let done = 0; done < count;) {
      if (this.#left === 0) this.#begin();
      const take = Math.min(this.#left, count - done);
      if (this.#isPacked) this.#unpack(out, done, take);
      else out.fill(this.#value, done, done + take);
      this.#left -= take;
      done += take;
    }
  }

  #begin(): void {
    const header = this.#varint();
    const width = this.#width;
    this.#isPacked = (header & 1) === 1;
    this.#left = this.#isPacked ? (header >>> 1) * 8 : header >>> 1;
    if (this.#isPacked) {
      this.#bit = this.#at * 8;
      this.#at += (this.#left * width) / 8;
      // Writers may leave out the last bytes of the last group.
      if (this.#at > this.#end) this.#left = Math.floor((8 * this.#end - this.#bit) / Math.max(1, width));
    } else {
      this.#value = 0;
      for (let shift = 0; shift < width; shift += 8) this.#value |= this.#byte() << shift;
    }
    if (this.#left === 0 && this.#at >= this.#end) throw new ParquetMalformed('a page has too few numbers');
  }

  #unpack(out: Int32Array, from: number, count: number): void {
    const width = this.#width;
    const bytes = this.#bytes;
    let bit = this.#bit;
    for (let i = from; i < from + count; i++) {
      let value = 0;
      for (let got = 0; got < width;) {
        const free = 8 - (bit & 7);
        const part = Math.min(free, width - got);
        value |= ((bytes[bit >> 3]! >> (bit & 7)) & ((1 << part) - 1)) << got;
        got += part;
        bit += part;
      }
      out[i] = value;
    }
    this.#bit = bit;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new ParquetMalformed('a page has too few numbers');
    return this.#bytes[this.#at++]!;
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw new ParquetMalformed('a run has too long a length');
  }
}
