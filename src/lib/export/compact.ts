import { Batch } from '../columnar/batch.js';
import { gather, placesOf } from '../columnar/gather.js';
import type { FileFormat } from '../columnar/sink.js';
import type { Schema } from '../columnar/type.js';
import { ServiceConflict, UserError } from '../core/errors.js';
import type { Progress } from '../core/progress.js';
import { batchBytes, rowsOfBatch } from './batch-size.js';
import { Dataset } from './dataset.js';
import type { Manifest } from './manifest.js';
import { folderOf } from './partition-path.js';
import type { DatasetFile } from './read/find-dataset.js';
import { openDataset, type ReadableDataset, withTextPartitions } from './read/open-dataset.js';
import { readBatches } from './read/read-batches.js';
import type { Target } from './target.js';

/** What is to be merged. */
export interface Compaction {
  readonly dataset: ReadableDataset;
  readonly manifest: Manifest;
  /** Of the partitions that are rewritten, in order. */
  readonly files: readonly DatasetFile[];
  readonly partitions: ReadonlySet<string>;
  readonly rows: number;
  readonly bytes: number;
}

export interface CompactOptions {
  readonly format: FileFormat;
  readonly createdBy: string;
  /** Rows of a row group at most. */
  readonly rowGroupRows: number;
  readonly fileBytes: number;
}

/**
 * Finds the partitions of a dataset that fewer files would hold, or with files that lack columns of the dataset or have narrower
 * ones.
 * @param fileBytes how long files should be
 * @throws as openDataset; UserError `MANIFEST_MISSING`
 */
export async function planCompaction(path: string, fileBytes: number): Promise<Compaction> {
  const dataset = await openDataset(path);
  const { manifest, partitionBy } = dataset;
  if (!manifest)
    throw new UserError(`${path} has no manifest: metrify did not write its files`, {
      code: 'MANIFEST_MISSING',
      hint: 'Give the folder of a dataset that metrify export has written. Files of others stay as they are.',
    });
  const byPath = new Map(manifest.files.map((file) => [file.path, file]));
  const wanted = JSON.stringify(dataset.schema.slice(0, dataset.schema.length - partitionBy.length));
  const files: DatasetFile[] = [];
  const partitions = new Set<string>();
  for (const [folder, members] of byFolder(dataset.files)) {
    const bytes = members.reduce((sum, file) => sum + byPath.get(file.path)!.bytes, 0);
    const isCurrent = members.every((file) => JSON.stringify(dataset.columnsOf.get(file.path)) === wanted);
    const isMany = members.length > Math.max(1, Math.ceil(bytes / fileBytes));
    if (!isMany && isCurrent) continue;
    partitions.add(folder);
    files.push(...members);
  }
  const total = (of: 'rows' | 'bytes') => files.reduce((sum, file) => sum + byPath.get(file.path)![of], 0);
  return { dataset, manifest, files, partitions, rows: total('rows'), bytes: total('bytes') };
}

/**
 * Writes the rows of these partitions again, in their order: as few files, with all columns of the dataset. Until all of them are
 * written, nothing changes.
 * @throws as the reader; ServiceConflict `LOCK_HELD`, `DATASET_CHANGED`; NotWritten
 */
export async function compact(
  plan: Compaction,
  target: Target,
  { format, createdBy, rowGroupRows, fileBytes }: CompactOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Manifest> {
  const { manifest, files, partitions } = plan;
  const dataset = withTextPartitions(plan.dataset);
  const { query, reader, partitionBy, snapshot, since } = manifest;
  const count = dataset.schema.length - partitionBy.length;
  const schema = dataset.schema.slice(0, count);
  const partitionTypes = plan.dataset.schema.slice(count);
  const into = await Dataset.open(target, schema, {
    ...{ format, createdBy, partitionBy, partitionTypes, rowGroupRows, fileBytes, query, reader },
    replace: partitions,
  });
  try {
    if (into.before?.run !== manifest.run)
      throw new ServiceConflict(`${target.name} was changed meanwhile`, {
        code: 'DATASET_CHANGED',
        hint: 'Run it again.',
      });
    if (snapshot !== undefined) into.annotate('snapshot', snapshot);
    const groups = new RowGroups(dataset.schema, rowGroupRows, (batch) => into.write(batch));
    let rows = 0;
    for await (const { batch } of readBatches({ ...dataset, files }, { signal })) {
      await groups.add(batch);
      progress.update((rows += batch.rows), plan.rows);
    }
    await groups.end();
    if (rows !== plan.rows)
      throw new ServiceConflict(`the files have ${rows} rows, and the manifest says ${plan.rows}`, {
        code: 'DATASET_CHANGED',
        hint: 'metrify export verify says which files are not those that were written.',
      });
    // The rows are the same ones: the next night continues where the last one ended.
    return await into.finish({ ...(snapshot && { snapshot }), ...(since && { since }) });
  } finally {
    await into.close();
  }
}

/** Makes large batches of small ones. */
class RowGroups {
  readonly #batch: Batch;
  readonly #most: number;
  readonly #write: (batch: Batch) => Promise<void>;

  constructor(schema: Schema, rowGroupRows: number, write: (batch: Batch) => Promise<void>) {
    this.#most = rowsOfBatch(schema, rowGroupRows);
    this.#batch = new Batch(schema, Math.min(this.#most, 1024));
    this.#write = write;
  }

  async add(more: Batch): Promise<void> {
    const batch = this.#batch;
    for (let from = 0; from < more.rows;) {
      const count = Math.min(more.rows - from, this.#most - batch.rows);
      const rows = Int32Array.from({ length: count }, (_, i) => from + i);
      for (const [i, column] of batch.columns.entries())
        gather(column, more.columns[i]!, placesOf(more.columns[i]!, more.rows), rows, batch.rows);
      batch.rows += count;
      from += count;
      if (batch.rows === this.#most || batch.bytes >= batchBytes) await this.end();
    }
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    if (this.#batch.rows > 0) await this.#write(this.#batch);
    this.#batch.rows = 0;
    this.#batch.clear();
  }
}

function byFolder(files: readonly DatasetFile[]): ReadonlyMap<string, readonly DatasetFile[]> {
  const folders = new Map<string, DatasetFile[]>();
  for (const file of files) {
    const folder = folderOf(file.path);
    folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  return folders;
}
