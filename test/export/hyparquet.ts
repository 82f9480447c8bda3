import { readFile } from 'node:fs/promises';

import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

/** The rows of a Parquet file, as hyparquet reads them. */
export async function readWithHyparquet(path: string): Promise<Record<string, unknown>[]> {
  const bytes = await readFile(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  return parquetReadObjects({ file, compressors });
}
