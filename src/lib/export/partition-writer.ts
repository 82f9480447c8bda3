import { Batch } from '../columnar/batch.js';
import { appendRows, placesInBatch } from '../columnar/gather.js';
import type { FileFormat, FileWriter } from '../columnar/sink.js';
import type { Schema } from '../columnar/type.js';
import { partitionPath } from './partition-path.js';
import { divide } from './partitions.js';
import type { StagedFile } from './target.js';

/** A file that is whole. */
export interface WrittenFile {
  readonly staged: StagedFile;
  readonly rows: number;
  readonly sha256: string;
}

/** Begins a file of a partition: its folder (an empty text without partitions), and which of its files it is, from 0 on. */
export type BeginFile = (folder: string, number: number) => StagedFile;

export interface PartitionOptions {
  readonly format: FileFormat;
  readonly partitionBy: readonly string[];
  readonly rowGroupRows: number;
  readonly fileBytes?: number;
}

interface Partition {
  readonly folder: string;
  /** Not written yet. */
  rows: Batch;
  /** Bytes of those. */
  bytes: number;
  /** How many of its files were begun. */
  files: number;
  file: { readonly staged: StagedFile; readonly writer: FileWriter } | undefined;
}

/** Divides rows among the files of partitions, within a bound of memory whatever their order is. */
export class PartitionWriter {
  /** What readers may find out about each file. */
  readonly metadata: Record<string, string> = {};
  readonly #schema: Schema;
  readonly #options: PartitionOptions;
  readonly #begin: BeginFile;
  readonly #partitions = new Map<string, Partition>();
  readonly #done: WrittenFile[] = [];
  /** Bytes of the rows of all partitions. */
  #bytes = 0;

  constructor(schema: Schema, options: PartitionOptions, begin: BeginFile) {
    this.#schema = schema;
    this.#options = options;
    this.#begin = begin;
  }

  /** @param batch its last columns are those of the partitions; without any, it becomes a row group */
  async write(batch: Batch): Promise<void> {
    const { partitionBy, rowGroupRows } = this.#options;
    if (partitionBy.length === 0) return this.#add(this.#partition(''), batch);
    const places = placesInBatch(batch);
    for (const { values, rows } of divide(batch, partitionBy.length)) {
      const partition = this.#partition(partitionPath(partitionBy, values));
      for (let from = 0; from < rows.length;) {
        const held: Batch = partition.rows;
        const part = rows.subarray(from, from + rowGroupRows - held.rows);
        appendRows(held, batch, places, part);
        from += part.length;
        if (held.rows === rowGroupRows) await this.#flush(partition);
      }
      this.#weigh(partition);
    }
    if (this.#bytes > mostBytes) await this.#relieve();
  }

  /** Adds a file that is whole already. */
  async adopt(folder: string, rows: number, content: AsyncIterable<Buffer>): Promise<void> {
    const staged = this.#begin(folder, this.#partition(folder).files++);
    for await (const bytes of content) await staged.write([bytes]);
    this.#done.push({ staged, rows, sha256: await staged.finish() });
  }

  /** Writes what is left. @param evenEmpty without partitions, whether there is a file even where there are no rows */
  async end({ evenEmpty }: { readonly evenEmpty: boolean }): Promise<readonly WrittenFile[]> {
    const isEmpty = this.#done.length === 0 && this.#partitions.size === 0;
    if (evenEmpty && isEmpty && this.#options.partitionBy.length === 0)
      await this.#endFile(this.#open(this.#partition('')));
    for (const partition of this.#partitions.values()) {
      await this.#flush(partition);
      await this.#endFile(partition);
      this.#partitions.delete(partition.folder);
    }
    return this.#done;
  }

  #partition(folder: string): Partition {
    let partition = this.#partitions.get(folder);
    if (!partition) {
      const rows = new Batch(this.#schema, firstRows);
      partition = { folder, rows, bytes: 0, files: 0, file: undefined };
      this.#partitions.set(folder, partition);
    }
    return partition;
  }

  /** Counts the rows of a partition as they are now. */
  #weigh(partition: Partition): void {
    const { bytes } = partition.rows;
    this.#bytes += bytes - partition.bytes;
    partition.bytes = bytes;
  }

  /** Writes all rows that wait. Batches that nothing came for are let go. */
  async #relieve(): Promise<void> {
    for (const partition of this.#partitions.values()) {
      if (partition.rows.rows === 0) partition.rows = new Batch(this.#schema, 0);
      else await this.#flush(partition);
      this.#weigh(partition);
    }
  }

  async #flush(partition: Partition): Promise<void> {
    const { rows } = partition;
    const { bytes } = rows;
    if (rows.rows > 0) await this.#add(partition, rows);
    if (bytes > keptBytes) partition.rows = new Batch(this.#schema, firstRows);
    else rows.clear();
  }

  /** Writes a row group. */
  async #add(partition: Partition, batch: Batch): Promise<void> {
    const { writer, staged } = this.#open(partition).file!;
    await writer.write(batch);
    if (staged.bytes >= (this.#options.fileBytes ?? Infinity)) await this.#endFile(partition);
  }

  #open(partition: Partition): Partition {
    if (partition.file) return partition;
    const staged = this.#begin(partition.folder, partition.files++);
    partition.file = { staged, writer: this.#options.format.open(staged, this.#schema) };
    return partition;
  }

  async #endFile(partition: Partition): Promise<void> {
    const { file } = partition;
    if (!file) return;
    partition.file = undefined;
    await file.writer.end(this.metadata);
    this.#done.push({
      staged: file.staged,
      rows: file.writer.rows,
      sha256: await file.staged.finish(),
    });
  }
}

/** Rows that a partition has room for at first: there may be thousands. */
const firstRows = 64;
/**
 * A batch of more bytes is let go when it was written: its partition may get no more rows. Smaller ones are used again, at the size that
 * they have grown to: thousands that are thrown away and grow again cost more memory than they hold.
 */
const keptBytes = 64 * 1024;
/** Bytes of rows that wait for a row group. Columns have up to twice the room that they need. */
const mostBytes = 40 * 1024 * 1024;
