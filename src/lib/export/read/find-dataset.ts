import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { systemCode, UserError } from '../../core/errors.js';
import { unreadable } from '../../core/unreadable.js';
import { type Manifest, manifestName, parseManifest } from '../manifest.js';
import { type PartitionValue, partitionValues } from './partition-values.js';

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
    partition: isFile ? [] : partitionValues(each),
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
