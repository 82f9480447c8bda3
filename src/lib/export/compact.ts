import type { FileFormat } from '../columnar/sink.js';
import { ServiceConflict, UserError } from '../core/errors.js';
import type { Progress } from '../core/progress.js';
import { Dataset } from './dataset.js';
import { expiredPaths, type Manifest } from './manifest.js';
import { folderOf } from './partition-path.js';
import type { DatasetFile } from './read/find-dataset.js';
import { openDataset, type ReadableDataset, withTextPartitions } from './read/open-dataset.js';
import { readBatches } from './read/read-batches.js';
import { RowGroups } from './row-groups.js';
import type { Target } from './target.js';
import { annotate, keptFacts } from './update.js';

/** What is to be merged. */
export interface Compaction {
  readonly dataset: ReadableDataset;
  readonly manifest: Manifest;
  /** Of the partitions that are rewritten, in order. */
  readonly files: readonly DatasetFile[];
  readonly partitions: ReadonlySet<string>;
  readonly rows: number;
  readonly bytes: number;
  /** Superseded files whose time is over: they are removed, even where nothing is rewritten. */
  readonly expired: readonly string[];
}

export interface CompactOptions {
  readonly format: FileFormat;
  readonly createdBy: string;
  /** Maximum rows of a row group. */
  readonly rowGroupRows: number;
  readonly fileBytes: number;
  /** How long the old files stay. */
  readonly keepOldMs?: number;
}

/**
 * Finds the partitions of a dataset whose rows fit into fewer files, and those with files that lack columns of the dataset or have
 * narrower types.
 * @param fileBytes a file of this size is followed by another
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
  const expired = expiredPaths(manifest.superseded, Date.now());
  return { dataset, manifest, files, partitions, rows: total('rows'), bytes: total('bytes'), expired };
}

/**
 * Writes the rows of these partitions again, in their order: as few files, with all columns of the dataset. Until all of them are
 * written, nothing changes.
 * @throws as the reader; ServiceConflict `LOCK_HELD`, `DATASET_CHANGED`; NotWritten
 */
export async function compact(
  plan: Compaction,
  target: Target,
  options: CompactOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Manifest> {
  const { manifest, files, partitions } = plan;
  const dataset = withTextPartitions(plan.dataset);
  const { query, reader, partitionBy } = manifest;
  const count = dataset.schema.length - partitionBy.length;
  const schema = dataset.schema.slice(0, count);
  const partitionTypes = plan.dataset.schema.slice(count);
  const into = await Dataset.open(target, schema, {
    ...options,
    ...{ partitionBy, partitionTypes, query, reader },
    replace: partitions,
  });
  try {
    // The rows are the same ones: the next run continues where the last one ended.
    const facts = keptFacts(into, manifest, []);
    annotate(into, facts);
    const groups = new RowGroups(dataset.schema, options.rowGroupRows, (batch) => into.write(batch));
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
    return await into.finish(facts);
  } finally {
    await into.close();
  }
}

function byFolder(files: readonly DatasetFile[]): ReadonlyMap<string, readonly DatasetFile[]> {
  const folders = new Map<string, DatasetFile[]>();
  for (const file of files) {
    const folder = folderOf(file.path);
    const members = folders.get(folder);
    if (members) members.push(file);
    else folders.set(folder, [file]);
  }
  return folders;
}
