import { type CodecName, codecNameOf } from '../../columnar/parquet/codec.js';
import { openFile } from '../../columnar/parquet-reader/byte-source.js';
import { ParquetFile } from '../../columnar/parquet-reader/parquet-file.js';
import type { DatasetFile } from './open-dataset.js';

/** How the files of a dataset are compressed, by the first one that says so; snappy where none does. @throws UserError exit 2 */
export async function codecOf(files: readonly DatasetFile[]): Promise<CodecName> {
  for (const { absolute } of files) {
    const source = await openFile(absolute);
    try {
      const { footer } = await ParquetFile.open(source);
      const id = footer.groups[0]?.chunks[0]?.codec;
      const name = id === undefined ? undefined : codecNameOf(id);
      if (name) return name;
    } finally {
      await source.close();
    }
  }
  return 'snappy';
}
