import { resolve } from 'node:path';

import * as z from 'zod/mini';

import { codecNames, type CodecName, openCodec } from '../columnar/parquet/codec.js';
import { parquetFormat } from '../columnar/parquet/file-format.js';
import { profileOf, type Reader, readers } from '../columnar/reader-profiles.js';
import { columnsOf, inferredColumns, type ObjectSchema } from '../columnar/rows/object-type.js';
import type { RowColumn } from '../columnar/rows/row-batches.js';
import { UserError } from '../core/errors.js';
import { defaultRowGroupRows } from './batch-size.js';
import { readSettings } from './call-settings.js';
import { writeRows } from './export-rows.js';
import { FolderTarget } from './folder-target.js';
import { checkNames } from './query.js';
import { exportColumns } from './rows.js';

export interface SaveOptions {
  /** Columns that make folders, `NAME=VALUE`; they are not in the files. */
  readonly partitionBy?: readonly string[] | undefined;
  /**
   * Types of columns as PostgreSQL names them: `{ meter_id: 'int8', value: 'numeric(9,2)', tags: 'text[]', place: { lat: 'float8' } }`.
   * Without it the first 10,000 rows say them: numbers are float8, bigints int8, Dates timestamptz.
   */
  readonly schema?: ObjectSchema | undefined;
  /** Default `snappy`. */
  readonly compression?: CodecName | undefined;
  /** The maximum of rows in a row group. Default 122,880. */
  readonly rowGroupRows?: number | undefined;
  /** Bytes after which a file is followed by another. Default: each partition is one file. */
  readonly targetFileSize?: number | undefined;
  /** Who reads the files, which decides how types are written. Default `all`. */
  readonly for?: Reader | undefined;
}

/** What was written. */
export interface SavedDataset {
  readonly rows: number;
  readonly bytes: number;
  /** By path, from the folder. */
  readonly files: readonly {
    readonly path: string;
    readonly rows: number;
    readonly bytes: number;
    readonly sha256: string;
  }[];
  /** Of the files. */
  readonly schema: readonly { readonly name: string; readonly type: string }[];
}

/** Rows of which types are found out. */
const sampledRows = 10_000;

const positive = z.int().check(z.gte(1));
const settings = z.strictObject({
  partitionBy: z.optional(z.array(z.string())),
  schema: z.optional(z.record(z.string(), z.unknown())),
  compression: z.optional(z.enum(codecNames)),
  rowGroupRows: z.optional(positive),
  targetFileSize: z.optional(positive),
  for: z.optional(z.enum(readers)),
});

/** As `saveParquet` of the library. @param createdBy of the files */
export async function saveParquet(
  given: Iterable<object> | AsyncIterable<object>,
  path: string,
  options: SaveOptions,
  createdBy: string,
): Promise<SavedDataset> {
  readSettings('saveParquet', settings, options);
  const {
    partitionBy = [],
    compression = 'snappy',
    rowGroupRows = defaultRowGroupRows,
    targetFileSize,
  } = options;
  const rules = {
    profile: profileOf('parquet', options.for ?? 'all'),
    numeric: undefined,
    misfits: { infinity: 'error', misread: 'keep' },
  } as const;
  const source = iterate(given);
  try {
    const sample: object[] = [];
    if (!options.schema) await take(source, sample);
    const all = options.schema ? columnsOf(options.schema, rules) : inferredColumns(sample, rules);
    checkNames(
      all.map(({ name }) => name),
      partitionBy,
    );
    const described = exportColumns(all, partitionBy, rules);
    const dataset = {
      format: parquetFormat({ codec: await openCodec(compression), createdBy }),
      ...{ createdBy, partitionBy, rowGroupRows, query: 'saveParquet', reader: rules.profile.reader },
      ...(targetFileSize === undefined ? {} : { fileBytes: targetFileSize }),
    };
    const valuesOf = objectReader([...described.columns, ...described.partitions]);
    const written = await writeRows(described, new FolderTarget(resolve(path)), dataset, async (sink) => {
      let number = 0;
      const add = (row: object) => {
        const where = () => `row ${number}`;
        number++;
        return sink.add(valuesOf(row, where), where);
      };
      for (const row of sample) await add(row);
      for (let next = await source.next(); !next.done; next = await source.next()) await add(next.value);
    });
    const { rows, bytes, files, columns: schema } = written;
    return { rows, bytes, files, schema };
  } finally {
    await source.return?.();
  }
}

function iterate(rows: Iterable<object> | AsyncIterable<object>): AsyncIterator<object> | Iterator<object> {
  if (Symbol.asyncIterator in rows) return rows[Symbol.asyncIterator]();
  return rows[Symbol.iterator]();
}

async function take(source: AsyncIterator<object> | Iterator<object>, sample: object[]): Promise<void> {
  while (sample.length < sampledRows) {
    const next = await source.next();
    if (next.done) break;
    sample.push(next.value);
  }
  if (sample.length === 0)
    throw new UserError('there are no rows, which would say the types of columns', {
      code: 'TYPE_UNCLEAR',
      hint: "Give them: { schema: { meter_id: 'int8' } }.",
    });
}

function objectReader(columns: readonly RowColumn[]): (row: object, where: () => string) => unknown[] {
  const names = columns.map(({ name }) => name);
  const known = new Set(names);
  return (row, where) => {
    for (const name of Object.keys(row))
      if (!known.has(name))
        throw new UserError(`${where()} has '${name}', which is not a column`, {
          code: 'COLUMN_UNKNOWN',
          hint: `Give its type: { schema: { '${name}': 'text', … } }.`,
        });
    return names.map((name) => (Object.hasOwn(row, name) ? (row as Record<string, unknown>)[name] : null));
  };
}
