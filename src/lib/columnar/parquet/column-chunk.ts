import { BytesColumn } from '../bytes-column.js';
import type { Column } from '../batch.js';
import type { FixedColumn } from '../fixed-column.js';
import type { Codec } from './codec.js';
import type { FixedDictionary } from './fixed-dictionary.js';
import { encodings, pageTypes } from './format.js';
import { bitWidth, mostHybridBytes, writeHybrid } from './hybrid.js';
import type { Leaf } from './leaf.js';
import {
  LevelReader,
  mostLevelBytes,
  mostNestedLevelBytes,
  type NestedLevels,
  writeDefinitionLevels,
  writeLevels,
} from './levels.js';
import { type Bounds, bytesBounds, fixedBounds, joined } from '../bounds.js';
import type { Scratch } from './scratch.js';

/** Rows of a page: so few that a reader which looks for some skips the others. */
const pageRows = 20_000;

export interface Page {
  /** Of the page's header, from the beginning of the column's chunk. */
  readonly offset: number;
  readonly compressedBytes: number;
  readonly firstRow: number;
  /** With those that are null. */
  readonly values: number;
  readonly nulls: number;
  readonly bounds: Bounds | undefined;
}

/** What was written of one column in one row group. */
export interface Chunk {
  readonly leaf: Leaf;
  /** With those that are null. */
  readonly values: number;
  readonly nulls: number;
  readonly dictionaryBytes: number;
  readonly bytes: number;
  readonly uncompressedBytes: number;
  readonly bounds: Bounds | undefined;
  readonly encodings: readonly number[];
  readonly pages: readonly Page[];
}

type LeafColumn = FixedColumn | BytesColumn;

/** Values of a page. */
interface Part {
  readonly firstRow: number;
  readonly rows: number;
  /** Of the column's values: from `from` on, before `to`. */
  readonly from: number;
  readonly to: number;
  /** Of a column within lists or records. */
  readonly levels: NestedLevels | undefined;
}

/** Writes a column's values as pages. */
export class ChunkWriter {
  readonly #leaf: Leaf;
  readonly #codec: Codec;
  readonly #scratch: Scratch;

  constructor(leaf: Leaf, codec: Codec, scratch: Scratch) {
    this.#leaf = leaf;
    this.#codec = codec;
    this.#scratch = scratch;
  }

  /**
   * @param chain the leaf's column, behind those that it is within
   * @param out takes the bytes, in order
   */
  write(chain: readonly Column[], rows: number, out: (bytes: Buffer) => void): Chunk {
    const column = chain.at(-1) as LeafColumn;
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
    let values = 0;
    for (const part of partsOf(chain, rows)) {
      const count = part.levels?.count ?? part.rows;
      const body = this.#body(column, dictionary, part);
      const pageBounds = this.#boundsOf(column, part.from, part.to);
      bounds = joined(this.#leaf.type, bounds, pageBounds);
      const offset = bytes;
      const encoding = dictionary ? encodings.rleDictionary : encodings.plain;
      const compressedBytes = put(pageTypes.data, body, count, encoding);
      const nulls = count - (part.to - part.from);
      pages.push({
        offset,
        compressedBytes,
        firstRow: part.firstRow,
        values: count,
        nulls,
        bounds: pageBounds,
      });
      values += count;
    }
    return {
      leaf: this.#leaf,
      values,
      nulls: values - column.count,
      dictionaryBytes,
      bytes,
      uncompressedBytes,
      bounds,
      encodings: [encodings.plain, encodings.rle, ...(dictionary ? [encodings.rleDictionary] : [])],
      pages,
    };
  }

  #boundsOf(column: LeafColumn, from: number, to: number): Bounds | undefined {
    return column instanceof BytesColumn
      ? bytesBounds(column, this.#leaf.type.meaning.kind !== 'plain', from, to)
      : fixedBounds(this.#leaf.type, column, from, to);
  }

  /** Undefined where the values are written as they are, or there are none. */
  #dictionaryOf(column: LeafColumn): Dictionary | undefined {
    if (column.count === 0) return undefined;
    if (column instanceof BytesColumn) {
      if (column.isPlain) return undefined;
      return { body: plainEntries(column, 0, column.entries), count: column.entries, codes: column.codes };
    }
    const made: FixedDictionary | undefined = this.#scratch.dictionaries(column.width)?.make(column);
    if (!made) return undefined;
    const { entries, count, codes } = made;
    const words = column.width / 4;
    return { body: Buffer.from(entries.buffer, 0, 4 * words * count), count, codes };
  }

  #body(column: LeafColumn, dictionary: Dictionary | undefined, part: Part): Buffer {
    const { firstRow, rows, from, to, levels } = part;
    const { definition, repetition } = this.#leaf;
    const values = to - from;
    const width = dictionary ? bitWidth(Math.max(1, dictionary.count - 1)) : 0;
    const most =
      (levels
        ? mostNestedLevelBytes(levels.count, definition) + mostNestedLevelBytes(levels.count, repetition)
        : mostLevelBytes(rows)) +
      (dictionary ? 1 + mostHybridBytes(values, width) : plainBytes(column, from, to));
    const page = this.#scratch.page(most);
    let at = 0;
    if (!levels) at = writeDefinitionLevels(column.presence, firstRow, firstRow + rows, page, at);
    else {
      if (repetition > 0) at = writeLevels(levels.repetition, levels.count, repetition, page, at);
      at = writeLevels(levels.definition, levels.count, definition, page, at);
    }
    if (dictionary) {
      page[at++] = width;
      at = writeHybrid(dictionary.codes, from, to, width, page, at);
    } else at = writePlain(column, from, to, page, at);
    return page.subarray(0, at);
  }

  #header(type: number, bytes: number, compressed: number, values: number, encoding: number): Buffer {
    const thrift = this.#scratch.thrift.clear();
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

/** Divides the rows among pages. */
function* partsOf(chain: readonly Column[], rows: number): Generator<Part> {
  const levels = chain.length > 1 ? new LevelReader(chain) : undefined;
  const { presence } = chain[0]!;
  let from = 0;
  for (let firstRow = 0; firstRow < rows; firstRow += pageRows) {
    const count = Math.min(pageRows, rows - firstRow);
    const nested = levels?.next(count);
    const to = nested ? from + nested.values : presence.valuesBefore(firstRow + count);
    yield { firstRow, rows: count, from, to, levels: nested };
    from = to;
  }
}

interface Dictionary {
  readonly body: Buffer;
  readonly count: number;
  readonly codes: Int32Array;
}

function plainBytes(column: LeafColumn, from: number, to: number): number {
  if (column instanceof BytesColumn) return column.offsets[to]! - column.offsets[from]! + 4 * (to - from);
  return column.width * (to - from);
}

function writePlain(column: LeafColumn, from: number, to: number, page: Buffer, at: number): number {
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
