import type { Batch } from '../batch.js';
import type { FileWriter, Sink } from '../sink.js';
import type { Schema } from '../type.js';
import type { Codec } from './codec.js';
import { ChunkWriter } from './column-chunk.js';
import {
  type Place,
  type PlacedChunk,
  writeColumnIndex,
  writeFooter,
  writeOffsetIndex,
  writeRowGroup,
} from './footer.js';
import { magic } from './format.js';
import { chainOf, type Leaf, leavesOf } from './leaf.js';
import type { Scratch } from './scratch.js';

export interface ParquetOptions {
  /** Of all files that are written in turns. */
  readonly scratch: Scratch;
  readonly codec: Codec;
  /** `metrify version 1.2.3 (build abc)`: parquet-java trusts the statistics of names of this form only. */
  readonly createdBy: string;
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
  /** In the form that the footer has them in: there may be millions of columns' chunks. */
  readonly #groups: Buffer[] = [];
  #hasBegun = false;

  constructor(sink: Sink, schema: Schema, options: ParquetOptions) {
    this.#sink = sink;
    this.#schema = schema;
    this.#options = options;
    this.#leaves = leavesOf(schema);
    this.#chunks = this.#leaves.map((leaf) => new ChunkWriter(leaf, options.codec, options.scratch));
  }

  /** The indexes of its pages come behind a row group, so that they need not be kept. */
  async write(batch: Batch): Promise<void> {
    const { scratch, codec } = this.#options;
    const parts = this.#beginning();
    const chunks = this.#chunks.map((writer, i) => {
      const offset = this.bytes;
      const chunk = writer.write(chainOf(this.#leaves[i]!, batch), batch.rows, (bytes) => parts.push(bytes));
      this.bytes += chunk.bytes;
      return { chunk, offset };
    });
    const place = (): Place => {
      const bytes = Buffer.from(scratch.thrift.bytes);
      const offset = this.bytes;
      parts.push(bytes);
      this.bytes += bytes.length;
      return { offset, length: bytes.length };
    };
    const columnIndexes = chunks.map(({ chunk }) =>
      writeColumnIndex(scratch.thrift.clear(), chunk) ? place() : undefined,
    );
    const placed = chunks.map(({ chunk, offset }, i): PlacedChunk => {
      writeOffsetIndex(scratch.thrift.clear(), chunk, offset);
      return { chunk, offset, columnIndex: columnIndexes[i], offsetIndex: place() };
    });
    writeRowGroup(scratch.thrift.clear(), placed, batch.rows, codec.id);
    this.#groups.push(Buffer.from(scratch.thrift.bytes));
    this.rows += batch.rows;
    await this.#sink.write(parts);
  }

  /** Writes the footer. */
  async end(metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    const { scratch, createdBy } = this.#options;
    const parts = this.#beginning();
    writeFooter(scratch.thrift.clear(), {
      schema: this.#schema,
      leaves: this.#leaves,
      rows: this.rows,
      groups: this.#groups,
      metadata,
      createdBy,
    });
    const footer = Buffer.from(scratch.thrift.bytes);
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
}
