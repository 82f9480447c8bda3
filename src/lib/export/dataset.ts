import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { Batch } from '../columnar/batch.js';
import { gather, placesOf } from '../columnar/gather.js';
import type { FileFormat, FileWriter } from '../columnar/sink.js';
import { typeName } from '../columnar/type-name.js';
import type { Schema } from '../columnar/type.js';
import { errorMessage, systemCode, UserError } from '../core/errors.js';
import { acquireFileLock, type FileLock } from '../core/file-lock.js';
import { writeFileAtomic } from '../core/files.js';
import { type Manifest, type ManifestFile, manifestName, parseManifest } from './manifest.js';
import { partitionPath } from './partition-path.js';
import { divide } from './partitions.js';
import { StagedFile } from './staged-file.js';

/** Begins with a dot, as what Spark, Hive and DuckDB pass over; so do none of its files have a reader's suffix. */
const stagingPrefix = '.metrify-';
const lockName = '.metrify.lock';

export interface DatasetOptions {
  readonly format: FileFormat;
  readonly createdBy: string;
  readonly partitionBy: readonly string[];
  /** Rows of a row group at most. */
  readonly rowGroupRows: number;
  readonly query: string;
  readonly reader: string;
}

interface Partition {
  readonly folder: string;
  /** Not written yet. */
  rows: Batch;
  /** Bytes that those take. */
  memory: number;
  file: { readonly staged: StagedFile; readonly writer: FileWriter } | undefined;
}

/**
 * A folder of files, in folders by partition. Its files are written aside and renamed when all of them are whole;
 * the manifest comes last. One run at a time.
 */
export class Dataset {
  readonly #folder: string;
  readonly #staging: string;
  readonly #schema: Schema;
  readonly #options: DatasetOptions;
  readonly #lock: FileLock;
  readonly #partitions = new Map<string, Partition>();
  readonly #done: (ManifestFile & { readonly staged: string })[] = [];
  #staged = 0;
  /** Bytes that the rows of all partitions take. */
  #memory = 0;

  /**
   * @param schema of the files, without the partitions' columns
   * @throws ServiceConflict `LOCK_HELD`; UserError when the folder cannot be used
   */
  static async open(folder: string, schema: Schema, options: DatasetOptions): Promise<Dataset> {
    const staging = join(folder, `${stagingPrefix}${randomBytes(6).toString('hex')}`);
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw unusable(folder, error);
    }
    const lock = await acquireFileLock(join(folder, lockName), {
      title: `a run that writes to ${folder}`,
    });
    try {
      // Whoever held the lock before has died.
      for (const name of await readdir(folder))
        if (name.startsWith(stagingPrefix)) await rm(join(folder, name), { recursive: true });
      await mkdir(staging);
    } catch (error) {
      lock.release();
      throw unusable(folder, error);
    }
    return new Dataset(folder, staging, schema, options, lock);
  }

  private constructor(
    folder: string,
    staging: string,
    schema: Schema,
    options: DatasetOptions,
    lock: FileLock,
  ) {
    this.#folder = folder;
    this.#staging = staging;
    this.#schema = schema;
    this.#options = options;
    this.#lock = lock;
  }

  /** Adds the rows of a batch, whose last columns are those of the partitions. Without partitions it is a row group. */
  async write(batch: Batch): Promise<void> {
    const { partitionBy, rowGroupRows } = this.#options;
    if (partitionBy.length === 0) {
      const whole = this.#partition('');
      whole.file ??= this.#openFile();
      return whole.file.writer.write(batch);
    }
    const places = this.#schema.map((_, i) => placesOf(batch.columns[i]!, batch.rows));
    for (const { values, rows } of divide(batch, partitionBy.length)) {
      const partition = this.#partition(partitionPath(partitionBy, values));
      for (let from = 0; from < rows.length;) {
        const held: Batch = partition.rows;
        const part = rows.subarray(from, from + rowGroupRows - held.rows);
        for (const [i, column] of held.columns.entries())
          gather(column, batch.columns[i]!, places[i], part, held.rows);
        held.rows += part.length;
        from += part.length;
        if (held.rows === rowGroupRows) await this.#flush(partition);
      }
      this.#weigh(partition);
    }
    if (this.#memory > mostMemory) await this.#relieve();
  }

  /** Makes the new files the dataset's, and removes those that were. */
  async finish(): Promise<Manifest> {
    if (this.#partitions.size === 0 && this.#options.partitionBy.length === 0) this.#partition('');
    for (const partition of this.#partitions.values()) {
      await this.#flush(partition);
      await this.#closeFile(partition);
    }
    const before = await this.#readManifest();
    for (const { path, staged } of this.#done) {
      const target = join(this.#folder, path);
      await mkdir(dirname(target), { recursive: true });
      await rename(staged, target);
    }
    const kept = new Set(this.#done.map(({ path }) => path));
    for (const { path } of before?.files ?? [])
      if (!kept.has(path)) await rm(join(this.#folder, path), { force: true });
    for (const folder of new Set(this.#done.map(({ path }) => dirname(join(this.#folder, path)))))
      await syncFolder(folder);
    const files = this.#done.map(({ staged: _, ...file }) => file).sort((a, b) => (a.path < b.path ? -1 : 1));
    const { createdBy, query, reader, partitionBy } = this.#options;
    const manifest: Manifest = {
      format: 'metrify-dataset',
      version: 1,
      createdBy,
      createdAt: new Date().toISOString(),
      query,
      reader,
      partitionBy: [...partitionBy],
      columns: this.#schema.map(({ name, type }) => ({ name, type: typeName(type) })),
      rows: files.reduce((sum, { rows }) => sum + rows, 0),
      bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      files,
    };
    await writeFileAtomic(join(this.#folder, manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`);
    return manifest;
  }

  /** Removes what is not the dataset's. */
  async close(): Promise<void> {
    await rm(this.#staging, { recursive: true, force: true });
    this.#lock.release();
  }

  #partition(folder: string): Partition {
    let partition = this.#partitions.get(folder);
    if (!partition) {
      partition = { folder, rows: new Batch(this.#schema, firstRows), memory: 0, file: undefined };
      this.#partitions.set(folder, partition);
    }
    return partition;
  }

  /** Counts what the rows of a partition take now. */
  #weigh(partition: Partition): void {
    const { memory } = partition.rows;
    this.#memory += memory - partition.memory;
    partition.memory = memory;
  }

  /** Writes the rows of the largest partitions, until half of the memory is free. */
  async #relieve(): Promise<void> {
    const largest = [...this.#partitions.values()].sort((a, b) => b.memory - a.memory);
    for (const partition of largest) {
      if (this.#memory <= mostMemory / 2) return;
      await this.#flush(partition);
      partition.rows = new Batch(this.#schema, firstRows);
      this.#weigh(partition);
    }
  }

  async #flush(partition: Partition): Promise<void> {
    partition.file ??= this.#openFile();
    if (partition.rows.rows > 0) await partition.file.writer.write(partition.rows);
    partition.rows.clear();
  }

  #openFile(): NonNullable<Partition['file']> {
    const staged = new StagedFile(join(this.#staging, `${this.#staged++}.tmp`));
    return { staged, writer: this.#options.format.open(staged, this.#schema) };
  }

  async #closeFile(partition: Partition): Promise<void> {
    const { folder, file } = partition;
    if (!file) return;
    partition.file = undefined;
    await file.writer.end();
    const sha256 = await file.staged.close();
    const name = `part-${String(this.#done.filter(({ path }) => dirname(path) === folder).length).padStart(5, '0')}.${this.#options.format.suffix}`;
    this.#done.push({
      path: folder === '' ? name : `${folder}/${name}`,
      rows: file.writer.rows,
      bytes: file.staged.bytes,
      sha256,
      staged: file.staged.path,
    });
  }

  async #readManifest(): Promise<Manifest | undefined> {
    try {
      return parseManifest(await readFile(join(this.#folder, manifestName), 'utf8'));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** Rows that a partition has room for at first: there may be thousands. */
const firstRows = 64;
/** Bytes that rows which wait for a row group may take. */
const mostMemory = 96 * 1024 * 1024;

/** Names are on the disk only when their folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function unusable(folder: string, error: unknown): UserError {
  return new UserError(`${folder} cannot be written: ${errorMessage(error)}`, {
    code: 'TARGET_UNUSABLE',
    cause: error,
    hint: 'Give a folder that may be written, or a new one.',
  });
}
