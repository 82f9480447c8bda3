import { BytesColumn } from '../bytes-column.js';
import { FixedColumn } from '../fixed-column.js';
import type { Column } from '../batch.js';
import { ParquetMalformed } from './malformed.js';
import type { PagePlace } from './page-index.js';
import type { Page, PageHeader, PageReader } from './page-reader.js';
import type { Values } from './values.js';

/** How many levels and codes are read at a time. */
export const windowSize = 1024;

/** A place among the entries of one leaf in one row group. */
export class LeafCursor {
  readonly definition = new Int32Array(windowSize);
  readonly repetition = new Int32Array(windowSize);
  readonly #codes = new Int32Array(windowSize);
  readonly #reader: PageReader;
  /** Undefined where the file does not say. */
  readonly #places: readonly PagePlace[] | undefined;
  /** Of the header of the next page. */
  #offset: number;
  /** Entries that the pages before the next one have. */
  #entriesBefore = 0;
  #page: Page | undefined;
  #left = 0;
  /** Of the page's values: the next one. */
  #value = 0;
  /** Of the batch's entries: which each entry of the dictionary is; −1: none yet. */
  #entries = new Int32Array(0);

  constructor(reader: PageReader, places: readonly PagePlace[] | undefined) {
    this.#reader = reader;
    this.#places = places;
    this.#offset = reader.chunk.place.offset;
  }

  /** Of the page: entries that are left. */
  get left(): number {
    return this.#left;
  }

  /** Whether the page that has begun, or was read to its end, ends where a row does. */
  get isAligned(): boolean {
    return this.#places !== undefined || this.#page?.isAligned === true;
  }

  /** Goes to the next page where this one is over. @returns false where there is none */
  async more(): Promise<boolean> {
    while (this.#left === 0) {
      const header = await this.#nextData();
      if (!header) return false;
      await this.#open(header);
    }
    return true;
  }

  /**
   * Leaves pages out that end before a row, if the file says which those are, or entries are rows.
   * @param row of the row group
   * @param at the row that would be next
   * @returns the row that is next
   */
  async skipPages(row: number, at: number): Promise<number> {
    if (this.#places) return this.#jump(this.#places, row, at);
    if (this.#reader.shape.maxRepetition > 0) return at;
    let next = at;
    while (next < row) {
      if (this.#left > 0) {
        if (next + this.#left > row) return next;
        next += this.#left;
        this.#left = 0;
      }
      const header = await this.#nextData();
      if (!header) throw new ParquetMalformed('a column has fewer rows than the others');
      if (next + header.entries > row) await this.#open(header);
      else next += header.entries;
    }
    return next;
  }

  async #jump(places: readonly PagePlace[], row: number, at: number): Promise<number> {
    const after = places.findIndex(({ firstRow }) => firstRow > row);
    const place = places[after === -1 ? places.length - 1 : after - 1]!;
    if (place.firstRow <= at) return at;
    if (this.#entriesBefore === 0 && !this.#reader.hasDictionary && place.offset > this.#offset)
      await this.#readDictionary();
    this.#offset = place.offset;
    this.#page = undefined;
    this.#left = 0;
    return place.firstRow;
  }

  /** Before its pages, if there is one. */
  async #readDictionary(): Promise<void> {
    const header = await this.#reader.header(this.#offset);
    if (header.kind === 'dictionary') await this.#takeDictionary(header);
  }

  /** Reads levels of that number of entries, limited to what the page and the window have. @returns how many */
  readLevels(most: number): number {
    const count = Math.min(most, this.#left, windowSize);
    this.#page!.repetition?.read(this.repetition, count);
    this.#page!.definition?.read(this.definition, count);
    this.#left -= count;
    return count;
  }

  get hasDefinition(): boolean {
    return this.#page!.definition !== undefined;
  }

  /** Adds the next values of the page to a column. @param count up to the window's */
  copy(count: number, column: Column): void {
    if (count === 0) return;
    const { values, codes } = this.#page!;
    if (codes) {
      codes.read(this.#codes, count);
      for (let i = 0; i < count; i++)
        if (this.#codes[i]! >>> 0 >= values.count)
          throw new ParquetMalformed('a dictionary has too few entries');
      this.#copyCoded(values, count, column);
    } else {
      if (this.#value + count > values.count) throw new ParquetMalformed('a page has too few values');
      copyPlain(values, this.#value, count, column);
      this.#value += count;
    }
  }

  /** Passes over the next values of the page. */
  skip(count: number): void {
    if (this.#page!.codes) this.#page!.codes.read(this.#codes, count);
    else this.#value += count;
  }

  /** The batch is empty: none of its entries is known. */
  forget(): void {
    this.#entries.fill(-1);
  }

  #copyCoded(values: Values, count: number, column: Column): void {
    const codes = this.#codes;
    if (values.kind === 'fixed') {
      if (!(column instanceof FixedColumn)) throw otherKind();
      column.reserve(column.count + count);
      const { width } = values;
      const to = column.count;
      if (width === 4) {
        const words = new Int32Array(values.bytes.buffer, values.bytes.byteOffset, values.count);
        for (let i = 0; i < count; i++) column.int32[to + i] = words[codes[i]!]!;
      } else if (width === 8) {
        const words = new Int32Array(values.bytes.buffer, values.bytes.byteOffset, 2 * values.count);
        for (let i = 0; i < count; i++) {
          column.int32[2 * (to + i)] = words[2 * codes[i]!]!;
          column.int32[2 * (to + i) + 1] = words[2 * codes[i]! + 1]!;
        }
      } else
        for (let i = 0; i < count; i++) {
          const from = codes[i]! * width;
          for (let k = 0; k < width; k++) column.bytes[(to + i) * width + k] = values.bytes[from + k]!;
        }
      column.count += count;
      return;
    }
    if (!(column instanceof BytesColumn)) throw otherKind();
    column.reserve(column.count + count);
    if (this.#entries.length < values.count) this.#entries = new Int32Array(values.count).fill(-1);
    const { data, starts, lengths } = values;
    for (let i = 0; i < count; i++) {
      const code = codes[i]!;
      const known = column.isPlain ? -1 : this.#entries[code]!;
      if (known >= 0) column.codes[column.count++] = known;
      else {
        column.add(data, starts[code]!, lengths[code]!);
        if (!column.isPlain) this.#entries[code] = column.codes[column.count - 1]!;
      }
    }
  }

  /** The next page with values; undefined behind the last one. */
  async #nextData(): Promise<PageHeader | undefined> {
    const { chunk } = this.#reader;
    const end = chunk.place.offset + chunk.place.length;
    while (this.#offset < end && (this.#places !== undefined || this.#entriesBefore < chunk.values)) {
      const header = await this.#reader.header(this.#offset);
      if (header.kind === 'dictionary') await this.#takeDictionary(header);
      else {
        this.#offset = header.offset + header.compressed;
        if (header.kind === 'other') continue;
        this.#entriesBefore += header.entries;
        if (this.#entriesBefore > chunk.values)
          throw new ParquetMalformed('a column has more values than it says');
        return header;
      }
    }
    return undefined;
  }

  async #takeDictionary(header: PageHeader): Promise<void> {
    if (this.#reader.hasDictionary) throw new ParquetMalformed('a column has two dictionaries');
    await this.#reader.readDictionary(header);
    this.#offset = header.offset + header.compressed;
  }

  async #open(header: PageHeader): Promise<void> {
    this.#page = await this.#reader.page(header);
    this.#left = header.entries;
    this.#value = 0;
  }
}

function copyPlain(values: Values, from: number, count: number, column: Column): void {
  if (values.kind === 'fixed') {
    if (!(column instanceof FixedColumn) || column.width !== values.width) throw otherKind();
    const { width } = values;
    column.reserve(column.count + count);
    column.bytes.set(values.bytes.subarray(from * width, (from + count) * width), column.count * width);
    column.count += count;
    return;
  }
  if (!(column instanceof BytesColumn)) throw otherKind();
  column.reserve(column.count + count);
  for (let i = from; i < from + count; i++) column.add(values.data, values.starts[i]!, values.lengths[i]!);
}

function otherKind(): ParquetMalformed {
  return new ParquetMalformed('values of another type');
}
