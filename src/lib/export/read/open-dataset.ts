import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { openFile } from '../../columnar/parquet-reader/byte-source.js';
import { ParquetFile, type ReadRows } from '../../columnar/parquet-reader/parquet-file.js';
import { widest } from '../../columnar/parquet-reader/widen.js';
import { typeName } from '../../columnar/type-name.js';
import type { Field, Schema } from '../../columnar/type.js';
import { columnsOf, type Predicate } from '../../columnar/where/predicate.js';
import { canMatch } from '../../columnar/where/prune.js';
import { constantBounds } from '../../columnar/parquet-reader/parquet-file.js';
import { systemCode, UserError } from '../../core/errors.js';
import { didYouMean } from '../../core/nearest.js';
import { unreadable } from '../../core/unreadable.js';
import { type Manifest, manifestName, parseManifest } from '../manifest.js';
import { folderOf, parsePartition, type PartitionValue } from '../partition-path.js';

/** A file of a dataset. */
export interface DatasetFile {
  /** From the dataset's root. */
  readonly path: string;
  readonly absolute: string;
  readonly partition: readonly PartitionValue[];
}

/** Where a dataset's files are. */
export interface FoundDataset {
  /** For people. */
  readonly name: string;
  /** Undefined where another writer made it. */
  readonly manifest: Manifest | undefined;
  readonly format: 'parquet' | 'orc';
  /** By path. */
  readonly files: readonly DatasetFile[];
  /** Columns that are in the names of folders. */
  readonly partitionBy: readonly string[];
}

/** A dataset whose files can be read. */
export interface ReadableDataset extends FoundDataset {
  /** All columns: those of the files, widened to hold the values of each file, and those of the partitions as text. */
  readonly schema: Schema;
}

export interface DatasetReadOptions {
  /** Default: all. */
  readonly columns?: readonly string[];
  /** Of the dataset's schema. */
  readonly where?: Predicate;
  readonly signal?: AbortSignal;
}

/**
 * Finds the files of a dataset: those that its manifest names, or all Parquet or ORC files whose names readers see.
 * @param path a folder, or one file
 * @throws UserError exit 2; ServiceConflict `MANIFEST_FOREIGN`
 */
export async function findDataset(path: string): Promise<FoundDataset> {
  const manifest = await readManifest(path);
  const paths = manifest ? manifest.files.map((file) => file.path) : await dataFiles(path);
  const isFile = paths.length === 1 && paths[0] === '';
  const files = paths.map((each): DatasetFile => ({
    path: isFile ? basename(path) : each,
    absolute: isFile ? path : join(path, each),
    partition: isFile ? [] : parsePartition(folderOf(each)),
  }));
  const names = manifest ? manifest.partitionBy : (files[0]?.partition.map(({ name }) => name) ?? []);
  const other = files.find(
    ({ partition }) => partition.map(({ name }) => name).join('\0') !== names.join('\0'),
  );
  if (other)
    throw new UserError(`${path} is partitioned in more than one way: ${files[0]!.path} and ${other.path}`, {
      code: 'PARTITIONS_DIFFER',
      hint: 'Give one of its folders.',
    });
  const orc = files.filter((file) => /\.orc$/i.test(file.path));
  if (orc.length > 0 && orc.length < files.length)
    throw new UserError(`${path} has Parquet and ORC files`, {
      code: 'FORMATS_DIFFER',
      hint: 'Give one of its folders.',
    });
  return { name: path, manifest, format: orc.length > 0 ? 'orc' : 'parquet', files, partitionBy: names };
}

/** Finds the files of a dataset of Parquet files. @throws as findDataset; UserError `ORC_UNREAD` */
export async function findParquet(path: string): Promise<FoundDataset> {
  const found = await findDataset(path);
  if (found.format === 'orc')
    throw new UserError(`${path} has ORC files, which metrify writes and does not read`, {
      code: 'ORC_UNREAD',
      hint: 'Read them with Spark, Hive, Trino or pyarrow, or export Parquet.',
    });
  return found;
}

/** Finds a dataset of Parquet files, and what columns it has. @throws as findDataset; UserError exit 2 */
export async function openDataset(path: string): Promise<ReadableDataset> {
  const found = await findParquet(path);
  if (found.files.length === 0)
    throw new UserError(`${path} has no Parquet files`, {
      code: 'FILES_MISSING',
      hint: `Files whose names begin with _ or . are not data.`,
    });
  return withSchema(found);
}

/** What columns the files have, by their footers. @throws UserError exit 2 */
export async function withSchema(found: FoundDataset): Promise<ReadableDataset> {
  return { ...found, schema: await schemaOf(found) };
}

/** Rows of a dataset, file by file. @throws UserError exit 2 */
export async function* readBatches(
  dataset: ReadableDataset,
  { columns, where, signal }: DatasetReadOptions,
): AsyncGenerator<ReadRows & { readonly file: DatasetFile }, void, undefined> {
  const { schema, files } = dataset;
  const shown = columns ? columns.map((name) => fieldNumber(schema, name)) : schema.map((_, i) => i);
  const tested = where ? columnsOf(where).filter((i) => !shown.includes(i)) : [];
  const numbers = [...shown, ...tested];
  const fields = numbers.map((i) => schema[i]!);
  const predicate = where && renumbered(where, numbers);
  for (const file of files) {
    const constants = new Map(file.partition.map(({ name, value }) => [name, value]));
    const bounds = (i: number) => {
      const value = constants.get(fields[i]!.name);
      return value === undefined ? undefined : constantBounds(value);
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

function fieldNumber(schema: Schema, name: string): number {
  const found = schema.findIndex((field) => field.name === name);
  if (found !== -1) return found;
  const names = schema.map((field) => field.name);
  throw new UserError(`there is no column '${name}'${didYouMean(name, names)}`, {
    code: 'COLUMN_MISSING',
    hint: `There are ${names.join(', ')}.`,
  });
}

/** The same of fields in another order. */
function renumbered(predicate: Predicate, numbers: readonly number[]): Predicate {
  switch (predicate.kind) {
    case 'unknown':
      return predicate;
    case 'not':
      return { kind: 'not', part: renumbered(predicate.part, numbers) };
    case 'and':
    case 'or':
      return { kind: predicate.kind, parts: predicate.parts.map((part) => renumbered(part, numbers)) };
    default:
      return { ...predicate, column: numbers.indexOf(predicate.column) };
  }
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return parseManifest(await readFile(join(folder, manifestName), 'utf8'), folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw unreadable(folder, error);
  }
}

/** Paths from the folder; an empty one where the path is a file itself. */
export async function dataFiles(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [''];
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    return entries
      .filter((entry) => !entry.isDirectory() && /\.(?:parquet|orc)$/i.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(join(path, '/').length))
      .filter((each) => !/(?:^|\/)[._]/.test(each))
      .sort();
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function schemaOf({ files, partitionBy }: FoundDataset): Promise<Schema> {
  const fields = new Map<string, { readonly type: Field['type']; readonly path: string }>();
  for (const file of files) {
    const source = await openFile(file.absolute);
    try {
      const { schema } = await ParquetFile.open(source);
      for (const { name, type } of schema) {
        const known = fields.get(name);
        const wide = known ? widest(known.type, type) : type;
        if (!wide) throw mixed(name, known!, { type, path: file.path });
        fields.set(name, { type: wide, path: file.path });
      }
    } finally {
      await source.close();
    }
  }
  for (const name of partitionBy) fields.delete(name);
  return [
    ...Array.from(fields, ([name, { type }]) => ({ name, type })),
    ...partitionBy.map((name): Field => ({ name, type: { storage: 'bytes', meaning: { kind: 'text' } } })),
  ];
}

interface Seen {
  readonly type: Field['type'];
  readonly path: string;
}

function mixed(name: string, one: Seen, other: Seen): UserError {
  return new UserError(
    `'${name}' is ${typeName(one.type)} in ${one.path} and ${typeName(other.type)} in ${other.path}`,
    { code: 'SCHEMA_MIXED', hint: 'No type holds the values of both. Export everything again.' },
  );
}
