import type { FileFormat } from '../sink.js';
import { ParquetFileWriter, type ParquetOptions } from './file-writer.js';
import { Scratch } from './scratch.js';

/** Files that are written one after the other, or by turns. */
export function parquetFormat(
  options: Omit<ParquetOptions, 'scratch'>,
): FileFormat & { readonly suffix: 'parquet' } {
  const all = { ...options, scratch: new Scratch() };
  return { suffix: 'parquet', open: (sink, schema) => new ParquetFileWriter(sink, schema, all) };
}
