import { FixedDictionaryMaker } from './fixed-dictionary.js';
import { ThriftWriter } from './thrift.js';

/** Memory that the files of one run use in turns: there may be thousands. */
export class Scratch {
  readonly thrift = new ThriftWriter();
  readonly #dictionaries = { 4: new FixedDictionaryMaker(4), 8: new FixedDictionaryMaker(8) };
  #page: Buffer = Buffer.allocUnsafe(1 << 16);
  #numbers = new Float64Array(0);

  /** At least that number of bytes. */
  page(bytes: number): Buffer {
    if (bytes > this.#page.length) this.#page = Buffer.allocUnsafe(bytes);
    return this.#page;
  }

  /** Room for at least that number of values. */
  numbers(count: number): Float64Array {
    if (count > this.#numbers.length) this.#numbers = new Float64Array(count);
    return this.#numbers;
  }

  /** Of values of that width in bytes, if there are any. */
  dictionaries(width: number): FixedDictionaryMaker | undefined {
    return width === 4 || width === 8 ? this.#dictionaries[width] : undefined;
  }
}
