import { type Constant, constantBounds } from '../../columnar/parquet-reader/constant.js';
import { ParquetFile, type ReadRows } from '../../columnar/parquet-reader/parquet-file.js';
import { openFile } from '../../columnar/parquet-reader/byte-source.js';
import { plainValue } from '../../columnar/plain-text.js';
import { ValueUnfit } from '../../columnar/rows/unfit.js';
import { typeName } from '../../columnar/type-name.js';
import type { Field, ScalarType, Schema } from '../../columnar/type.js';
import { columnsOf, type Predicate, renumbered } from '../../columnar/where/predicate.js';
import { canMatch } from '../../columnar/where/prune.js';
import { UserError } from '../../core/errors.js';
import { didYouMean } from '../../core/nearest.js';
import type { DatasetFile } from './find-dataset.js';
import type { ReadableDataset } from './open-dataset.js';

export interface DatasetReadOptions {
  /** Default: all. */
  readonly columns?: readonly string[];
  /** Of the dataset's schema. */
  readonly where?: Predicate;
  readonly signal?: AbortSignal;
}

/** Rows of a dataset, file by file. @throws UserError exit 2 */
export async function* readBatches(
  { schema, files }: ReadableDataset,
  { columns, where, signal }: DatasetReadOptions,
): AsyncGenerator<ReadRows & { readonly file: DatasetFile }, void, undefined> {
  const shown = columns ? columns.map((name) => fieldNumber(schema, name)) : schema.map((_, i) => i);
  const tested = where ? columnsOf(where).filter((i) => !shown.includes(i)) : [];
  const numbers = [...shown, ...tested];
  const fields = numbers.map((i) => schema[i]!);
  const predicate = where && renumbered(where, numbers);
  for (const file of files) {
    const constants = constantsOf(file, fields);
    const bounds = (i: number) => {
      const { name, type } = fields[i]!;
      const value = constants.get(name);
      return value === undefined ? undefined : constantBounds(value, type);
    };
    if (predicate && !canMatch(predicate, bounds)) continue;
    const options = { fields, constants, ...(predicate && { where: predicate }), ...(signal && { signal }) };
    const source = await openFile(file.absolute);
    try {
      const opened = await ParquetFile.open(source);
      for await (const rows of opened.batches(options)) yield { ...rows, file };
    } finally {
      await source.close();
    }
  }
}

/** Which field has a name. @throws UserError `COLUMN_MISSING` */
export function fieldNumber(schema: Schema, name: string): number {
  const found = schema.findIndex((field) => field.name === name);
  if (found !== -1) return found;
  const names = schema.map((field) => field.name);
  throw new UserError(`there is no column '${name}'${didYouMean(name, names)}`, {
    code: 'COLUMN_MISSING',
    hint: `There are ${names.join(', ')}.`,
  });
}

/** What the folders of a file say of these fields. @throws UserError `PARTITION_VALUE` */
function constantsOf({ partition, path }: DatasetFile, fields: readonly Field[]): Map<string, Constant> {
  const types = new Map(fields.map(({ name, type }) => [name, type as ScalarType]));
  return new Map(
    partition.flatMap(({ name, value }) => {
      const type = types.get(name);
      return type ? [[name, value === null ? null : constantOf(value, name, type, path)] as const] : [];
    }),
  );
}

function constantOf(value: string, name: string, type: ScalarType, path: string): Constant {
  try {
    return plainValue(value, type);
  } catch (error) {
    if (!(error instanceof ValueUnfit)) throw error;
    throw new UserError(
      `the manifest says that the partition column '${name}' is ${typeName(type)}, and in ${path} ${error.message}`,
      {
        code: 'PARTITION_VALUE',
        hint: `Leave '${name}' out, or change its type to text in the manifest's partitionColumns.`,
      },
    );
  }
}
