import * as z from 'zod/mini';

import type { Cell } from '../columnar/cells.js';
import { bindWhere } from '../columnar/where/bind.js';
import { readSettings } from './call-settings.js';
import { datasetFolder } from './read/dataset-folder.js';
import { openDataset } from './read/open-dataset.js';
import { readRows } from './read/read-rows.js';

export interface ReadOptions {
  /** A condition that rows have to meet: `value > 200 AND sensor_type = 'power'`. Or several, all of which they have to. */
  readonly filters?: string | readonly string[] | undefined;
  /** Default: all. */
  readonly columns?: readonly string[] | undefined;
  /** The maximum of rows. Default: all. */
  readonly limit?: number | undefined;
  /** Ends the reading. */
  readonly signal?: AbortSignal | undefined;
}

/** A row's values by column. */
export type ParquetRow = { readonly [column: string]: Cell };

const settings = z.strictObject({
  filters: z.optional(z.union([z.string(), z.array(z.string())])),
  columns: z.optional(z.array(z.string()).check(z.minLength(1))),
  limit: z.optional(z.int().check(z.gte(0))),
  signal: z.optional(z.instanceof(AbortSignal)),
});

/**
 * Reads a Parquet file, or a folder of them, row by row in constant memory. Files, row groups and pages that cannot have a row that
 * is asked for are not read. Whole numbers of 64 bits are bigints; decimals, dates, times and uuids are texts. Columns
 * of partitions have the types that the manifest gives; without a manifest they are text.
 * @throws UserError `SETTINGS_INVALID`, `COLUMN_MISSING`, `PARQUET_MALFORMED`, and what `filters` says that is wrong
 */
export async function* readParquet(
  path: string,
  options: ReadOptions = {},
): AsyncGenerator<ParquetRow, void, undefined> {
  const { filters, columns, limit, signal } = readSettings('readParquet', settings, options);
  const dataset = await openDataset(datasetFolder(path));
  const where = Array.isArray(filters) ? filters.map((each) => `(${each})`).join(' AND ') : filters;
  const names = columns ?? dataset.schema.map(({ name }) => name);
  const rows = readRows(dataset, {
    columns: names,
    ...(where && { where: bindWhere(where, dataset.schema) }),
    ...(limit !== undefined && { limit }),
    ...(signal && { signal }),
  });
  for await (const row of rows) yield Object.fromEntries(names.map((name, i) => [name, row[i]!]));
}
