import { crc32 } from 'node:zlib';

import type { Column } from '../batch.js';
import { type Bounds, bytesBounds, fixedBounds, joined } from '../bounds.js';
import { BytesColumn } from '../bytes-column.js';
import type { Codec } from './codec.js';
import { encodings, pageTypes } from './format.js';
import type { Leaf } from './leaf.js';
import {
  LevelReader,
  mostLevelBytes,
  mostNestedLevelBytes,
  type NestedLevels,
  writeDefinitionLevels,
  writeLevels,
} from './levels.js';
import type { LeafColumn } from './plain.js';
import type { Scratch } from './scratch.js';
import { chooseEncoding, type ValueEncoding } from './value-encoding.js';

/** Rows of a page: so few that a reader which looks for some skips the others. */
const pageRows = 20_000;
/** Bytes of a page, about; more only where a value is longer. */
const pageBytes = 1 << 20;

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
  /** Of the pages with values. */
  readonly encoding: number;
  /** Whether readers may learn from the dictionary that a value is not there. */
  readonly isDictionaryConclusive: boolean;
  readonly pages: readonly Page[];
}

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
      const header = this.#header(type, body.length, compressed, values, encoding);
      out(header);
      out(compressed);
      bytes += header.length + compressed.length;
      uncompressedBytes += header.length + body.length;
      return header.length + compressed.length;
    };
    const encoding = chooseEncoding(column, this.#leaf.type, this.#scratch);
    const { dictionary } = encoding;
    let dictionaryBytes = 0;
    if (dictionary)
      dictionaryBytes = put(pageTypes.dictionary, dictionary.body, dictionary.count, encodings.plain);
    const pages: Page[] = [];
    let values = 0;
    for (const part of partsOf(chain, rows, rowsOfPage(encoding, column.count, rows))) {
      const count = part.levels?.count ?? part.rows;
      const body = this.#body(column, encoding, part);
      const bounds = this.#boundsOf(column, part.from, part.to);
      const offset = bytes;
      const compressedBytes = put(pageTypes.data, body, count, encoding.id);
      const nulls = count - (part.to - part.from);
      pages.push({ offset, compressedBytes, firstRow: part.firstRow, values: count, nulls, bounds });
      values += count;
    }
    return {
      leaf: this.#leaf,
      values,
      nulls: values - column.count,
      dictionaryBytes,
      bytes,
      uncompressedBytes,
      bounds: this.#boundsOfAll(pages),
      encoding: encoding.id,
      isDictionaryConclusive: dictionary?.isConclusive ?? true,
      pages,
    };
  }

  #boundsOf(column: LeafColumn, from: number, to: number): Bounds | undefined {
    return column instanceof BytesColumn
      ? bytesBounds(column, this.#leaf.type.meaning.kind !== 'plain', from, to)
      : fixedBounds(this.#leaf.type, column, from, to);
  }

  /** A page without values says nothing; one with some and without bounds leaves none. */
  #boundsOfAll(pages: readonly Page[]): Bounds | undefined {
    let all: Bounds | undefined;
    for (const { bounds, values, nulls } of pages) {
      if (!bounds && nulls < values) return undefined;
      all = joined(this.#leaf.type, all, bounds);
    }
    return all;
  }

  #body(column: LeafColumn, encoding: ValueEncoding, part: Part): Buffer {
    const { firstRow, rows, from, to, levels } = part;
    const { definition, repetition } = this.#leaf;
    const most =
      (levels
        ? mostNestedLevelBytes(levels.count, definition) + mostNestedLevelBytes(levels.count, repetition)
        : mostLevelBytes(rows)) + encoding.mostBytes(from, to);
    const page = this.#scratch.page(most);
    let at = 0;
    if (!levels) at = writeDefinitionLevels(column.presence, firstRow, firstRow + rows, page, at);
    else {
      if (repetition > 0) at = writeLevels(levels.repetition, levels.count, repetition, page, at);
      at = writeLevels(levels.definition, levels.count, definition, page, at);
    }
    return page.subarray(0, encoding.write(from, to, page, at));
  }

  #header(type: number, bytes: number, compressed: Buffer, values: number, encoding: number): Buffer {
    const thrift = this.#scratch.thrift.clear();
    thrift.struct(() => {
      thrift.i32(1, type);
      thrift.i32(2, bytes);
      thrift.i32(3, compressed.length);
      thrift.i32(4, crc32(compressed) | 0);
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

/** On average, as values are of different lengths. */
function rowsOfPage(encoding: ValueEncoding, values: number, rows: number): number {
  const pages = encoding.mostBytes(0, values) / pageBytes;
  return Math.max(1, Math.min(pageRows, Math.floor(rows / pages)));
}

/** Divides the rows among pages. */
function* partsOf(chain: readonly Column[], rows: number, most: number): Generator<Part> {
  const levels = chain.length > 1 ? new LevelReader(chain) : undefined;
  const { presence } = chain[0]!;
  let from = 0;
  for (let firstRow = 0; firstRow < rows; firstRow += most) {
    const count = Math.min(most, rows - firstRow);
    const nested = levels?.next(count);
    const to = nested ? from + nested.values : presence.valuesBefore(firstRow + count);
    yield { firstRow, rows: count, from, to, levels: nested };
    from = to;
  }
}
