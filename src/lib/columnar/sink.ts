import type { Batch } from './batch.js';
import type { Schema } from './type.js';

/** Where a file's bytes go, in order. */
export interface Sink {
  write(parts: readonly Buffer[]): Promise<void>;
}

/** Writes a file, batch by batch: each is a row group, or a stripe. */
export interface FileWriter {
  readonly rows: number;
  write(batch: Batch): Promise<void>;
  /**
   * Writes what comes behind the rows. The sink is not closed.
   * @param metadata what readers may find out about the file
   */
  end(metadata?: Readonly<Record<string, string>>): Promise<void>;
}

/** A kind of files. */
export interface FileFormat {
  /** Of its files' names: `parquet`. */
  readonly suffix: string;
  open(sink: Sink, schema: Schema): FileWriter;
}
