import { randomBytes } from 'node:crypto';
import { basename } from 'node:path/posix';

import type { Batch } from '../columnar/batch.js';
import type { FileFormat } from '../columnar/sink.js';
import { typeName } from '../columnar/type-name.js';
import type { Reader } from '../columnar/reader-profiles.js';
import type { Schema } from '../columnar/type.js';
import { ServiceConflict } from '../core/errors.js';
import { isDataFile } from './data-files.js';
import { mergeColumns } from './evolution.js';
import {
  expiredPaths,
  type Facts,
  type Manifest,
  type ManifestFile,
  ownPaths,
  parseManifest,
  printManifest,
} from './manifest.js';
import { folderOf } from './partition-path.js';
import { partitionColumns } from './partition-columns.js';
import { type WrittenFile, PartitionWriter } from './partition-writer.js';
import type { OpenTarget, Target } from './target.js';
import type { ReadBack } from './verify/read-back.js';

export interface DatasetOptions {
  readonly format: FileFormat;
  readonly createdBy: string;
  readonly partitionBy: readonly string[];
  /** Those columns with the types that they have in the query; in folders all are text. Default: text. */
  readonly partitionTypes?: Schema;
  /** Maximum rows of a row group. */
  readonly rowGroupRows: number;
  /** A file that has become so long is followed by another. Default: each partition is one file. */
  readonly fileBytes?: number;
  /** What the rows are, for the manifest. */
  readonly query: string;
  /** Which readers the types are written for. */
  readonly reader: Reader;
  /**
   * Partitions, as folders (`month=2026-01`, or an empty text), whose files the new ones replace. Others keep theirs, and new ones
   * come beside them. Default: all.
   */
  readonly replace?: ReadonlySet<string> | 'all';
  /**
   * How long files that are replaced stay, in milliseconds, where new ones do not take their names. Default: they are removed at
   * once.
   */
  readonly keepOldMs?: number;
  /** Reads the new files back before readers see them, until the signal. Of rows that are written, and targets that are folders. */
  readonly readBack?: AbortSignal;
}

/**
 * Files in folders by partition. What a run writes becomes visible when all of it is whole, with the manifest last. One run at a
 * time.
 */
export class Dataset {
  readonly #target: OpenTarget;
  readonly #options: DatasetOptions;
  /** Its name in the manifest. */
  readonly run: string;
  #replaced: ReadonlySet<string> | 'all';
  /** Of all files that it will have. */
  #columns: Manifest['columns'];
  readonly #writer: PartitionWriter;
  #readBack: ReadBack | undefined;
  /** Of each folder. */
  readonly #old: ReadonlyMap<string, OldFiles>;
  /** Whether a partition may have more than one new file. */
  #mayDivide: boolean;
  #last: Promise<unknown> = Promise.resolve();
  #written: readonly ManifestFile[] = [];

  /**
   * @param schema of the files, without the partitions' columns
   * @throws as the target; ServiceConflict `FILES_FOREIGN`, `MANIFEST_FOREIGN`, `PARTITIONS_DIFFER`
   */
  static async open(target: Target, schema: Schema, options: DatasetOptions): Promise<Dataset> {
    const opened = await target.open();
    try {
      const before = await readManifest(opened, target.name);
      const { replace = 'all', readBack } = options;
      const dataset = new Dataset(opened, target.name, before, schema, options);
      // An export that reads nothing back does without all that reads Parquet.
      if (readBack) {
        const { ReadBack } = await import('./verify/read-back.js');
        dataset.#readBack = new ReadBack(schema, options.partitionBy);
      }
      if (replace !== 'all') dataset.replace(replace);
      return dataset;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  private constructor(
    target: OpenTarget,
    readonly name: string,
    /** The dataset as it was found. */
    readonly before: Manifest | undefined,
    schema: Schema,
    options: DatasetOptions,
  ) {
    this.#target = target;
    this.#options = options;
    this.run = randomBytes(6).toString('hex');
    this.#replaced = options.replace ?? 'all';
    this.#old = oldFiles(before);
    this.#mayDivide = options.fileBytes !== undefined;
    this.#columns = schema.map(({ name, type }) => ({ name, type: typeName(type) }));
    this.#writer = new PartitionWriter(schema, options, (folder, number) => {
      const name = this.#nameOf(folder, number);
      return target.stage(folder === '' ? name : `${folder}/${name}`);
    });
    this.annotate('query', options.query);
  }

  /**
   * Adds the rows of a batch, whose last columns are those of the partitions. Without partitions it is a row group. Several may be
   * added at once; the batch is free when the promise is settled.
   */
  write(batch: Batch): Promise<void> {
    const written = this.#last.then(() => {
      this.#readBack?.add(batch);
      return this.#writer.write(batch);
    });
    this.#last = written.catch(() => {});
    return written;
  }

  /**
   * Says which partitions are replaced, where it was not known when the dataset was opened. Before the first row.
   * @throws ServiceConflict `PARTITIONS_DIFFER`; `SCHEMA_CHANGED` or `FORMATS_DIFFER` where files stay that cannot be read
   * together with the new ones
   */
  replace(folders: ReadonlySet<string>): void {
    const { partitionBy } = this.#options;
    if (this.before && this.before.partitionBy.join('\0') !== partitionBy.join('\0'))
      throw new ServiceConflict(
        `${this.name} is partitioned by ${this.before.partitionBy.join(', ') || 'nothing'}, and the new files by ${partitionBy.join(', ') || 'nothing'}`,
        { code: 'PARTITIONS_DIFFER', hint: 'Export everything again, or to another place.' },
      );
    this.#replaced = folders;
    const stay = this.before?.files.filter(({ path }) => !this.#replaces(folderOf(path))) ?? [];
    if (!this.before || stay.length === 0) return;
    const { format, reader } = this.#options;
    const other = stay.find(({ path }) => !path.endsWith(`.${format.suffix}`));
    if (other)
      throw new ServiceConflict(
        `${this.name} has files of another format, which stay: ${other.path}. The new ones would be .${format.suffix}`,
        {
          code: 'FORMATS_DIFFER',
          hint: 'Readers take one format from a folder. Export in the same format, or everything again, or to another place.',
        },
      );
    this.#columns = mergeColumns(this.before.columns, this.#columns, reader);
  }

  /**
   * Adds a file of a partition that something else has written.
   * @param folder of the partition: `month=2026-01`, or an empty text
   */
  adopt(folder: string, rows: number, content: AsyncIterable<Buffer>): Promise<void> {
    this.#mayDivide = true;
    return this.#writer.adopt(folder, rows, content);
  }

  /** Says something about the rows in each file that is not whole yet: `snapshot`. */
  annotate(name: string, value: string): void {
    this.#writer.metadata[`metrify.${name}`] = value;
  }

  /** Makes the new files the dataset's, and removes those that they replace. @throws NotWritten; as `ReadBack.check` */
  async finish(facts: Facts = {}): Promise<Manifest> {
    const parts = await this.#writer.end({ evenEmpty: this.#replaces('') });
    await this.#readBack?.check(parts, this.#options.readBack!);
    const added = new Set(parts.map(({ staged }) => staged.path));
    const old = this.before?.files ?? [];
    const gone = old.filter(({ path }) => this.#replaces(folderOf(path)) && !added.has(path));
    const kept = old.filter(({ path }) => !this.#replaces(folderOf(path)));
    const now = Date.now();
    const until = new Date(now + (this.#options.keepOldMs ?? 0)).toISOString();
    const superseded = [...(this.before?.superseded ?? []), ...gone.map(({ path }) => ({ path, until }))];
    const expired = new Set(expiredPaths(superseded, now));
    const stay = superseded.filter(({ path }) => !expired.has(path));
    const written = parts.map(describe).sort(byPath);
    const files = [...kept, ...written].sort(byPath);
    const { createdBy, query, reader, partitionBy, partitionTypes } = this.#options;
    const manifest: Manifest = {
      format: 'metrify-dataset',
      version: 1,
      createdBy,
      createdAt: new Date(now).toISOString(),
      run: this.run,
      query,
      reader,
      ...facts,
      partitionBy: [...partitionBy],
      ...(partitionTypes && {
        partitionColumns: partitionColumns(
          partitionTypes,
          files.map(({ path }) => path),
        ),
      }),
      columns: this.#columns,
      rows: files.reduce((sum, { rows }) => sum + rows, 0),
      bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      files,
      ...(stay.length === 0 ? {} : { superseded: stay }),
    };
    await this.#target.commit({
      files: parts.map(({ staged }) => staged),
      removed: [...expired],
      manifest: printManifest(manifest),
    });
    this.#written = written;
    return manifest;
  }

  /** Its files that this run wrote. After `finish`. */
  get written(): readonly ManifestFile[] {
    return this.#written;
  }

  /** Removes what is not the dataset's, and lets other runs in. */
  async close(): Promise<void> {
    await this.#last;
    await this.#target.close();
  }

  #replaces(folder: string): boolean {
    return this.#replaced === 'all' || this.#replaced.has(folder);
  }

  /** @param number of the folder's new files, from 0 on */
  #nameOf(folder: string, number: number): string {
    const { format, keepOldMs } = this.#options;
    const { counting, isFree } = this.#old.get(folder) ?? { counting: [], isFree: true };
    const name = `${String(number).padStart(5, '0')}.${format.suffix}`;
    const own = `part-${this.run}-${name}`;
    if (!this.#replaces(folder) || !this.#target.canReplaceFiles || !isFree) return own;
    const [old, ...others] = counting;
    // One file for one: at any moment readers see the one or the other.
    if (!this.#mayDivide && old?.endsWith(`.${format.suffix}`) && others.length === 0) return old;
    return old !== undefined && keepOldMs ? own : `part-${name}`;
  }
}

/** What a folder has. */
interface OldFiles {
  /** Names of the files that count. */
  readonly counting: string[];
  /** Whether these are all that it has: names that no longer count must not be reused. */
  isFree: boolean;
}

function oldFiles(before: Manifest | undefined): ReadonlyMap<string, OldFiles> {
  const folders = new Map<string, OldFiles>();
  const filesOf = (path: string) => {
    const folder = folderOf(path);
    let files = folders.get(folder);
    if (!files) folders.set(folder, (files = { counting: [], isFree: true }));
    return files;
  };
  for (const { path } of before?.files ?? []) filesOf(path).counting.push(basename(path));
  for (const { path } of before?.superseded ?? []) filesOf(path).isFree = false;
  return folders;
}

/** @throws ServiceConflict `FILES_FOREIGN` where there are data files that it does not name */
async function readManifest(target: OpenTarget, name: string): Promise<Manifest | undefined> {
  const manifest = target.manifest === undefined ? undefined : parseManifest(target.manifest, name);
  const ours = manifest && ownPaths(manifest);
  const foreign = (await target.list()).filter((path) => isDataFile(path) && !ours?.has(path));
  if (foreign.length === 0) return manifest;
  const more = foreign.length > 1 ? ` and ${foreign.length - 1} more` : '';
  throw new ServiceConflict(
    `${name} has data files that metrify did not write there: ${foreign[0]!}${more}`,
    {
      code: 'FILES_FOREIGN',
      hint: 'Readers would take them for the same dataset. Give another folder, or move them away.',
    },
  );
}

function byPath(a: ManifestFile, b: ManifestFile): number {
  return a.path < b.path ? -1 : 1;
}

function describe({ staged, rows, sha256 }: WrittenFile): ManifestFile {
  return { path: staged.path, rows, bytes: staged.bytes, sha256 };
}
