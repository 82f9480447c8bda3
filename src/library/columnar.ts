/* What `import … from 'metrify/columnar'` gives. */
import { saveParquet as save, type SavedDataset, type SaveOptions } from '../lib/export/save-parquet.js';
import { createdBy } from '../version.js';

export type { Cell } from '../lib/columnar/cells.js';
export type { ObjectSchema } from '../lib/columnar/rows/object-type.js';
export { NotWritten, ServiceConflict, UserError } from '../lib/core/errors.js';
export { type ParquetRow, readParquet, type ReadOptions } from '../lib/export/read-parquet.js';
export type { SavedDataset, SaveOptions } from '../lib/export/save-parquet.js';

/**
 * Writes rows as a folder of Parquet files with a manifest: all of them, or none. A dataset that was there is replaced when the
 * last row is written. A value is written exactly, or refused; only floating-point numbers are rounded.
 * @param rows objects; a field that one lacks is null
 * @throws UserError `SETTINGS_INVALID`, `TYPE_UNKNOWN`, `TYPE_UNCLEAR`, `COLUMN_UNKNOWN`, `VALUE_INVALID`; ServiceConflict
 * `LOCK_HELD`, `FILES_FOREIGN`; NotWritten
 */
export function saveParquet(
  rows: Iterable<object> | AsyncIterable<object>,
  path: string,
  options: SaveOptions = {},
): Promise<SavedDataset> {
  return save(rows, path, options, createdBy);
}
