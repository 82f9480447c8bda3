import { type CodecName, codecNameOf, defaultCodec } from '../../columnar/parquet/codec.js';
import { withParquetFile } from '../../columnar/parquet-reader/parquet-file.js';
import type { DatasetFile } from './find-dataset.js';

/**
 * How files are compressed, by the first one that says so; as usual where none does.
 * @param files that are rewritten: the new ones are compressed as they are
 * @throws UserError exit 2
 */
export async function codecOf(files: readonly DatasetFile[]): Promise<CodecName> {
  for (const { absolute } of files) {
    const id = await withParquetFile(absolute, ({ footer }) => footer.groups[0]?.chunks[0]?.codec);
    const name = id === undefined ? undefined : codecNameOf(id);
    if (name) return name;
  }
  return defaultCodec;
}
