import { BytesColumn } from '../bytes-column.js';
import type { BatchColumn } from '../batch.js';
import type { FixedColumn } from '../fixed-column.js';
import type { Field } from '../type.js';
import type { Codec } from './codec.js';
import { type FixedDictionary, FixedDictionaryMaker } from './fixed-dictionary.js';
import { encodings, pageTypes } from './format.js';
import { bitWidth, mostHybridBytes, writeHybrid } from './hybrid.js';
import { mostLevelBytes, writeDefinitionLevels } from './levels.js';
import { type Bounds, bytesBounds, fixedBounds, joined } from './statistics.js';
import { ThriftWriter } from './thrift.js';

/** Rows of a page: so few that a reader which looks for some skips the others. */
const pageRows = 20_000;

export interface Page {
  /** Of the page's header, from the beginning of the column's chunk. */
  readonly offset: number;
  readonly compressedBytes: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly nulls: number;
  readonly bounds: Bounds | undefined;
}

/** What was written of one column in one row group. */
export interface Chunk {
  readonly field: Field;
  readonly rows: number;
  readonly nulls: number;
  readonly dictionaryBytes: number;
  readonly bytes: number;
  readonly uncompressedBytes: number;
  readonly bounds: Bounds | undefined;
  readonly encodings: readonly number[];
  readonly pages: readonly Page[];
}

/** Writes a column's values as pages. */
export class ChunkWriter {
  readonly #field: Field;
  readonly #codec: Codec;
  readonly #dictionaries: FixedDictionaryMaker | undefined;
  readonly #thrift = new ThriftWriter();
  #page: Buffer = Buffer.allocUnsafe(1 << 16);

  constructor(field: Field, codec: Codec, capacity: number) {
    this.#field = field;
    this.#codec = codec;
    const width = { int32: 4, float32: 4, int64: 8, float64: 8 }[field.storage as 'int32'] as
      4 | 8 | undefined;
    this.#dictionaries = width && new FixedDictionaryMaker(width, capacity);
  }

  /** @param out takes the bytes, in order */
  write(column: BatchColumn, rows: number, out: (bytes: Buffer) => void): Chunk {
    let bytes = 0;
    let uncompressedBytes = 0;
    const put = (type: number, body: Buffer, values: number, encoding: number): number => {
      const compressed = this.#codec.compress(body);
      const header = this.#header(type, body.length, compressed.length, values, encoding);
      out(header);
      out(compressed);
      bytes += header.length + compressed.length;
      uncompressedBytes += header.length + body.length;
      return header.length + compressed.length;
    };
    const dictionary = this.#dictionaryOf(column);
    let dictionaryBytes = 0;
    if (dictionary)
      dictionaryBytes = put(pageTypes.dictionary, dictionary.body, dictionary.count, encodings.plain);
    const pages: Page[] = [];
    let bounds: Bounds | undefined;
    const { presence } = column;
    for (let firstRow = 0; firstRow < rows; firstRow += pageRows) {
      const end = Math.min(rows, firstRow + pageRows);
      const [from, to] = [presence.valuesBefore(firstRow), presence.valuesBefore(end)];
      const nulls = end - firstRow - (to - from);
      const body = this.#body(column, dictionary, { firstRow, end, from, to });
      const pageBounds = this.#boundsOf(column, from, to);
      bounds = joined(this.#field, bounds, pageBounds);
      const offset = bytes;
      const encoding = dictionary ? encodings.rleDictionary : encodings.plain;
      const compressedBytes = put(pageTypes.data, body, end - firstRow, encoding);
      pages.push({ offset, compressedBytes, firstRow, rows: end - firstRow, nulls, bounds: pageBounds });
    }
    return {
      field: this.#field,
      rows,
      nulls: presence.nulls,
      dictionaryBytes,
      bytes,
      uncompressedBytes,
      bounds,
      encodings: [encodings.plain, encodings.rle, ...(dictionary ? [encodings.rleDictionary] : [])],
      pages,
    };
  }

  #boundsOf(column: BatchColumn, from: number, to: number): Bounds | undefined {
    return column instanceof BytesColumn
      ? bytesBounds(column, this.#field.meaning.kind !== 'plain', from, to)
      : fixedBounds(this.#field, column, from, to);
  }

  /** Undefined where the values are written as they are, or there are none. */
  #dictionaryOf(column: BatchColumn): Dictionary | undefined {
    if (column.count === 0) return undefined;
    if (column instanceof BytesColumn) {
      if (column.isPlain) return undefined;
      return { body: plainEntries(column, 0, column.entries), count: column.entries, codes: column.codes };
    }
    const made: FixedDictionary | undefined = this.#dictionaries?.make(column);
    if (!made) return undefined;
    const { entries, count, codes } = made;
    const words = column.width / 4;
    return { body: Buffer.from(entries.buffer, 0, 4 * words * count), count, codes };
  }

  #body(
    column: BatchColumn,
    dictionary: Dictionary | undefined,
    { firstRow, end, from, to }: { firstRow: number; end: number; from: number; to: number },
  ): Buffer {
    const rows = end - firstRow;
    const values = to - from;
    const width = dictionary ? bitWidth(Math.max(1, dictionary.count - 1)) : 0;
    const length = dictionary ? 1 + mostHybridBytes(values, width) : plainBytes(column, from, to);
    const most = mostLevelBytes(rows) + length;
    if (most > this.#page.length) this.#page = Buffer.allocUnsafe(most);
    const page = this.#page;
    let at = 0;
    if (this.#field.nullable) at = writeDefinitionLevels(column.presence, firstRow, end, page, at);
    if (dictionary) {
      page[at++] = width;
      at = writeHybrid(dictionary.codes, from, to, width, page, at);
    } else at = writePlain(column, from, to, page, at);
    return page.subarray(0, at);
  }

  #header(type: number, bytes: number, compressed: number, values: number, encoding: number): Buffer {
    const thrift = this.#thrift.clear();
    thrift.struct(() => {
      thrift.i32(1, type);
      thrift.i32(2, bytes);
      thrift.i32(3, compressed);
      if (type === pageTypes.dictionary)
        thrift.structField(7, () => {
          thrift.i32(1, values);
          thrift.i32(2, encoding);
        });
      else
        thrift.structField(5, () => {
          thrift.i32(1, values);
          thrift.i32(2, encoding);
          thrift.i32(3, encodings.rle);
          thrift.i32(4, encodings.rle);
        });
    });
    return Buffer.from(thrift.bytes);
  }
}

interface Dictionary {
  readonly body: Buffer;
  readonly count: number;
  readonly codes: Int32Array;
}

function plainBytes(column: BatchColumn, from: number, to: number): number {
  if (column instanceof BytesColumn) return column.offsets[to]! - column.offsets[from]! + 4 * (to - from);
  return column.width * (to - from);
}

function writePlain(column: BatchColumn, from: number, to: number, page: Buffer, at: number): number {
  if (column instanceof BytesColumn) {
    const entries = plainEntries(column, from, to);
    return at + entries.copy(page, at);
  }
  return column.width === 1 ? writeBits(column, from, to, page, at) : writeFixed(column, from, to, page, at);
}

function writeFixed(
  { bytes, width }: FixedColumn,
  from: number,
  to: number,
  page: Buffer,
  at: number,
): number {
  page.set(bytes.subarray(from * width, to * width), at);
  return at + (to - from) * width;
}

/** Booleans, a bit each. */
function writeBits({ bytes }: FixedColumn, from: number, to: number, page: Buffer, at: number): number {
  const end = at + Math.ceil((to - from) / 8);
  page.fill(0, at, end);
  for (let i = from; i < to; i++) if (bytes[i] !== 0) page[at + ((i - from) >> 3)]! |= 1 << ((i - from) & 7);
  return end;
}

/** Entries, each behind its length. */
function plainEntries({ data, offsets }: BytesColumn, from: number, to: number): Buffer {
  const out = Buffer.allocUnsafe(offsets[to]! - offsets[from]! + 4 * (to - from));
  let at = 0;
  for (let i = from; i < to; i++) {
    const [start, end] = [offsets[i]!, offsets[i + 1]!];
    out.writeUInt32LE(end - start, at);
    at += 4;
    if (end - start < 32) for (let k = start; k < end; k++) out[at++] = data[k]!;
    else at += data.copy(out, at, start, end);
  }
  return out;
}
