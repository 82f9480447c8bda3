import type { Batch } from '../batch.js';
import type { FileWriter, Sink } from '../sink.js';
import type { Schema } from '../type.js';
import type { Codec } from './codec.js';
import { type Chunk, ChunkWriter } from './column-chunk.js';
import { countSchemaElements, magic, physicalType, writeSchemaElements } from './format.js';
import { chainOf, type Leaf, leavesOf } from './leaf.js';
import { compareValues } from '../bounds.js';
import type { Scratch } from './scratch.js';
import { ThriftWriter } from './thrift.js';

interface RowGroup {
  readonly rows: number;
  readonly offset: number;
  readonly chunks: readonly (Chunk & { readonly offset: number })[];
}

export interface ParquetOptions {
  /** Of all files that are written in turns. */
  readonly scratch: Scratch;
  readonly codec: Codec;
  /** `metrify version 1.2.3 (build abc)`: parquet-java trusts the statistics of names of this form only. */
  readonly createdBy: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Writes a Parquet file, a row group for each batch. */
export class ParquetFileWriter implements FileWriter {
  rows = 0;
  bytes = magic.length;
  readonly #sink: Sink;
  readonly #schema: Schema;
  readonly #options: ParquetOptions;
  readonly #leaves: readonly Leaf[];
  readonly #chunks: readonly ChunkWriter[];
  readonly #groups: RowGroup[] = [];
  #hasBegun = false;

  constructor(sink: Sink, schema: Schema, options: ParquetOptions) {
    this.#sink = sink;
    this.#schema = schema;
    this.#options = options;
    this.#leaves = leavesOf(schema);
    this.#chunks = this.#leaves.map((leaf) => new ChunkWriter(leaf, options.codec, options.scratch));
  }

  async write(batch: Batch): Promise<void> {
    const parts: Buffer[] = this.#beginning();
    const groupOffset = this.bytes;
    const chunks = this.#chunks.map((writer, i) => {
      const offset = this.bytes;
      const chunk = writer.write(chainOf(this.#leaves[i]!, batch), batch.rows, (bytes) => parts.push(bytes));
      this.bytes += chunk.bytes;
      return { ...chunk, offset };
    });
    this.#groups.push({ rows: batch.rows, offset: groupOffset, chunks });
    this.rows += batch.rows;
    await this.#sink.write(parts);
  }

  /** Writes the indexes and the footer. */
  async end(): Promise<void> {
    const thrift = new ThriftWriter();
    const parts: Buffer[] = this.#beginning();
    const put = (): { readonly offset: number; readonly length: number } => {
      const bytes = Buffer.from(thrift.bytes);
      const place = { offset: this.bytes, length: bytes.length };
      parts.push(bytes);
      this.bytes += bytes.length;
      return place;
    };
    const indexes = this.#groups.map(({ chunks }) =>
      chunks.map((chunk) => ({
        columns: writeColumnIndex(thrift.clear(), chunk) ? put() : undefined,
        offsets: (writeOffsetIndex(thrift.clear(), chunk), put()),
      })),
    );
    thrift.clear();
    this.#writeFooter(thrift, indexes);
    const footer = Buffer.from(thrift.bytes);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    parts.push(footer, length, magic);
    this.bytes += footer.length + length.length + magic.length;
    await this.#sink.write(parts);
  }

  #beginning(): Buffer[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return [magic];
  }

  #writeFooter(thrift: ThriftWriter, indexes: readonly (readonly Indexes[])[]): void {
    const { codec, createdBy, metadata } = this.#options;
    const schema = this.#schema;
    thrift.struct(() => {
      thrift.i32(1, 2);
      const elements = schema.reduce((sum, field) => sum + countSchemaElements(field), 1);
      thrift.listOf(2, 'struct', elements, () => {
        thrift.struct(() => {
          thrift.binary(4, 'schema');
          thrift.i32(5, schema.length);
        });
        for (const field of schema) writeSchemaElements(thrift, field);
      });
      thrift.i64(3, this.rows);
      thrift.list(4, 'struct', [...this.#groups.entries()], ([g, group]) => {
        thrift.struct(() => {
          thrift.list(1, 'struct', [...group.chunks.entries()], ([c, chunk]) =>
            writeChunk(thrift, chunk, codec.id, indexes[g]![c]!),
          );
          thrift.i64(
            2,
            group.chunks.reduce((sum, { uncompressedBytes }) => sum + uncompressedBytes, 0),
          );
          thrift.i64(3, group.rows);
          thrift.i64(5, group.offset);
          thrift.i64(
            6,
            group.chunks.reduce((sum, { bytes }) => sum + bytes, 0),
          );
        });
      });
      const entries = Object.entries(metadata);
      if (entries.length > 0)
        thrift.list(5, 'struct', entries, ([key, value]) =>
          thrift.struct(() => {
            thrift.binary(1, key);
            thrift.binary(2, value);
          }),
        );
      thrift.binary(6, createdBy);
      // The order of each column is that of its type.
      thrift.list(7, 'struct', this.#leaves, () => thrift.struct(() => thrift.structField(1, () => {})));
    });
  }
}

interface Place {
  readonly offset: number;
  readonly length: number;
}

interface Indexes {
  readonly columns: Place | undefined;
  readonly offsets: Place;
}

function writeChunk(
  thrift: ThriftWriter,
  chunk: Chunk & { readonly offset: number },
  codec: number,
  { columns, offsets }: Indexes,
): void {
  const { leaf, offset, dictionaryBytes, bounds } = chunk;
  thrift.struct(() => {
    thrift.i64(2, offset);
    thrift.structField(3, () => {
      thrift.i32(1, physicalType(leaf.type));
      thrift.list(2, 'i32', chunk.encodings, (encoding) => thrift.zigzag(encoding));
      thrift.list(3, 'binary', leaf.path, (name) => thrift.binaryValue(name));
      thrift.i32(4, codec);
      thrift.i64(5, chunk.values);
      thrift.i64(6, chunk.uncompressedBytes);
      thrift.i64(7, chunk.bytes);
      thrift.i64(9, offset + dictionaryBytes);
      if (dictionaryBytes > 0) thrift.i64(11, offset);
      thrift.structField(12, () => {
        thrift.i64(3, chunk.nulls);
        if (!bounds) return;
        thrift.binary(5, bounds.max);
        thrift.binary(6, bounds.min);
        thrift.boolean(7, bounds.isExact);
        thrift.boolean(8, bounds.isExact);
      });
    });
    thrift.i64(4, offsets.offset);
    thrift.i32(5, offsets.length);
    if (!columns) return;
    thrift.i64(6, columns.offset);
    thrift.i32(7, columns.length);
  });
}

/** @returns false when a page's bounds are unknown: then there is no index at all */
function writeColumnIndex(thrift: ThriftWriter, { leaf, pages }: Chunk): boolean {
  if (pages.some(({ bounds, nulls, values }) => !bounds && nulls < values)) return false;
  const none = new Uint8Array();
  thrift.struct(() => {
    thrift.list(1, 'boolean', pages, ({ bounds }) => thrift.booleanValue(!bounds));
    thrift.list(2, 'binary', pages, ({ bounds }) => thrift.binaryValue(bounds?.min ?? none));
    thrift.list(3, 'binary', pages, ({ bounds }) => thrift.binaryValue(bounds?.max ?? none));
    thrift.i32(4, boundaryOrder());
    thrift.list(5, 'i64', pages, ({ nulls }) => thrift.zigzag(nulls));
  });
  return true;

  function boundaryOrder(): number {
    const known = pages.flatMap(({ bounds }) => bounds ?? []);
    const inOrder = (sign: 1 | -1) =>
      known.every((bounds, i) => {
        const before = known[i - 1];
        return (
          !before ||
          (sign * compareValues(leaf.type, before.min, bounds.min) <= 0 &&
            sign * compareValues(leaf.type, before.max, bounds.max) <= 0)
        );
      });
    return inOrder(1) ? 1 : inOrder(-1) ? 2 : 0;
  }
}

function writeOffsetIndex(
  thrift: ThriftWriter,
  { pages, offset }: Chunk & { readonly offset: number },
): void {
  thrift.struct(() => {
    thrift.list(1, 'struct', pages, (page) =>
      thrift.struct(() => {
        thrift.i64(1, offset + page.offset);
        thrift.i32(2, page.compressedBytes);
        thrift.i64(3, page.firstRow);
      }),
    );
  });
}
