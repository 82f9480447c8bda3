import { randomBytes } from 'node:crypto';

import type { Batch } from '../columnar/batch.js';
import type { FileFormat } from '../columnar/sink.js';
import { typeName } from '../columnar/type-name.js';
import type { Reader } from '../columnar/postgres/profiles.js';
import type { Schema } from '../columnar/type.js';
import { ServiceConflict } from '../core/errors.js';
import { mergeColumns } from './evolution.js';
import { type Manifest, type ManifestFile, parseManifest, printManifest } from './manifest.js';
import { folderOf } from './partition-path.js';
import { partitionColumns } from './partition-columns.js';
import { type PartFile, PartitionWriter } from './partition-writer.js';
import type { OpenTarget, Target } from './target.js';

export interface DatasetOptions {
  readonly format: FileFormat;
  readonly createdBy: string;
  readonly partitionBy: readonly string[];
  /** Those columns with the types that they have in the query; in folders all are text. Default: text. */
  readonly partitionTypes?: Schema;
  /** Rows of a row group at most. */
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
}

/** What is known when the rows have come. */
export type Facts = Partial<Pick<Manifest, 'snapshot' | 'since'>>;

/** Suffixes of the files that readers take for data. */
const dataFile = /\.(parquet|orc)$/i;

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
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param schema of the files, without the partitions' columns
   * @throws as the target; ServiceConflict `FILES_FOREIGN`, `MANIFEST_FOREIGN`, `PARTITIONS_DIFFER`
   */
  static async open(target: Target, schema: Schema, options: DatasetOptions): Promise<Dataset> {
    const opened = await target.open();
    try {
      const before = await readManifest(opened, target.name);
      const { replace = 'all' } = options;
      const dataset = new Dataset(opened, target.name, before, schema, options);
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
    this.#columns = schema.map(({ name, type }) => ({ name, type: typeName(type) }));
    this.#writer = new PartitionWriter(schema, options, (folder, number) => {
      const infix = this.#replaces(folder) ? '' : `${this.run}-`;
      const name = `part-${infix}${String(number).padStart(5, '0')}.${options.format.suffix}`;
      return target.stage(folder === '' ? name : `${folder}/${name}`);
    });
    this.annotate('query', options.query);
  }

  /**
   * Adds the rows of a batch, whose last columns are those of the partitions. Without partitions it is a row group. Several may be
   * added at once; the batch is free when the promise is settled.
   */
  write(batch: Batch): Promise<void> {
    const written = this.#last.then(() => this.#writer.write(batch));
    this.#last = written.catch(() => {});
    return written;
  }

  /**
   * Says which partitions are replaced, where it was not known when the dataset was opened. Before the first row.
   * @throws ServiceConflict `PARTITIONS_DIFFER`; `SCHEMA_CHANGED` where files stay that cannot be read together with the new ones
   */
  replace(folders: ReadonlySet<string>): void {
    const { partitionBy } = this.#options;
    if (this.before && this.before.partitionBy.join('\0') !== partitionBy.join('\0'))
      throw new ServiceConflict(
        `${this.name} is partitioned by ${this.before.partitionBy.join(', ') || 'nothing'}, and the new files by ${partitionBy.join(', ') || 'nothing'}`,
        { code: 'PARTITIONS_DIFFER', hint: 'Export everything again, or to another place.' },
      );
    this.#replaced = folders;
    const stay = this.before?.files.some(({ path }) => !this.#replaces(folderOf(path)));
    if (this.before && stay)
      this.#columns = mergeColumns(this.before.columns, this.#columns, this.#options.reader);
  }

  /**
   * Adds a file of a partition that something else has written.
   * @param folder of the partition: `month=2026-01`, or an empty text
   */
  adopt(folder: string, rows: number, content: AsyncIterable<Buffer>): Promise<void> {
    return this.#writer.adopt(folder, rows, content);
  }

  /** Says something about the rows in each file that is not whole yet: `snapshot`. */
  annotate(name: string, value: string): void {
    this.#writer.metadata[`metrify.${name}`] = value;
  }

  /** Makes the new files the dataset's, and removes those that they replace. @throws NotWritten */
  async finish(facts: Facts = {}): Promise<Manifest> {
    const parts = await this.#writer.end({ evenEmpty: this.#replaces('') });
    const added = new Set(parts.map(({ staged }) => staged.path));
    const old = this.before?.files ?? [];
    const gone = old.filter(({ path }) => this.#replaces(folderOf(path)) && !added.has(path));
    const kept = old.filter(({ path }) => !this.#replaces(folderOf(path)));
    const files = [...kept, ...parts.map(describe)].sort((a, b) => (a.path < b.path ? -1 : 1));
    const { createdBy, query, reader, partitionBy, partitionTypes } = this.#options;
    const manifest: Manifest = {
      format: 'metrify-dataset',
      version: 1,
      createdBy,
      createdAt: new Date().toISOString(),
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
    };
    await this.#target.commit({
      files: parts.map(({ staged }) => staged),
      removed: gone.map(({ path }) => path),
      manifest: printManifest(manifest),
    });
    return manifest;
  }

  /** Removes what is not the dataset's, and lets other runs in. */
  async close(): Promise<void> {
    await this.#last;
    await this.#target.close();
  }

  #replaces(folder: string): boolean {
    return this.#replaced === 'all' || this.#replaced.has(folder);
  }
}

/** @throws ServiceConflict `FILES_FOREIGN` where there are data files that it does not name */
async function readManifest(target: OpenTarget, name: string): Promise<Manifest | undefined> {
  const manifest = target.manifest === undefined ? undefined : parseManifest(target.manifest, name);
  const ours = new Set(manifest?.files.map(({ path }) => path));
  const foreign = (await target.list()).filter((path) => dataFile.test(path) && !ours.has(path));
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

function describe({ staged, rows, sha256 }: PartFile): ManifestFile {
  return { path: staged.path, rows, bytes: staged.bytes, sha256 };
}
