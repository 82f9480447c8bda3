import { readFile } from 'node:fs/promises';

import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

/** The rows of a Parquet file, as hyparquet reads them. */
export function readWithHyparquet(bytes: Buffer): Promise<Record<string, unknown>[]> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  return parquetReadObjects({ file, compressors });
}

export async function readFileWithHyparquet(path: string): Promise<Record<string, unknown>[]> {
  return readWithHyparquet(await readFile(path));
}
