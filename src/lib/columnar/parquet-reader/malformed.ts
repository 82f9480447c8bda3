import { UserError } from '../../core/errors.js';

/** Bytes that are not as the format has them. */
export class ParquetMalformed extends Error {
  override readonly name = 'ParquetMalformed';
}

/** What is right Parquet, and not read here. */
export class ParquetUnsupported extends Error {
  override readonly name = 'ParquetUnsupported';
}

/**
 * An error of reading a file, as a person is told it.
 * @param name of the file
 */
export function unreadableParquet(name: string, error: unknown): unknown {
  if (error instanceof ParquetUnsupported)
    return new UserError(`${name} has what metrify does not read: ${error.message}`, {
      code: 'PARQUET_UNSUPPORTED',
      cause: error,
      hint: 'Leave that column out, or read the file with another tool.',
    });
  // Numbers in a malformed file lead beyond its end, or to lengths that no buffer has.
  if (error instanceof ParquetMalformed || error instanceof RangeError)
    return new UserError(`${name} is not a whole Parquet file: ${error.message}`, {
      code: 'PARQUET_MALFORMED',
      cause: error,
      hint: 'Was it cut short, changed, or made by something else? Export it again.',
    });
  return error;
}
