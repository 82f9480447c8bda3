import { randomBytes } from 'node:crypto';

import * as z from 'zod/mini';

import type { S3Bucket } from '../clients/s3/bucket.js';
import { datasetPath, manifestName, ownPaths, parseManifest } from './manifest.js';
import type { S3Lease } from './s3-lease.js';
import { markName } from './staged-object.js';

/** Before the names of notes. Each change has its own, so that a run whose lease was taken over harms no other's. */
const notePrefix = '.metrify-commit-';
/** Files that are completed or removed at once. */
const mostAtOnce = 8;

const commitSchema = z.object({
  /** ETag of the manifest that this change follows; null where there was none. */
  follows: z.nullable(z.string()),
  files: z.array(
    z.object({
      path: datasetPath,
      uploadId: z.string(),
      mark: z.string(),
      parts: z.array(z.object({ number: z.number(), etag: z.string() })),
    }),
  ),
  removed: z.array(datasetPath),
  manifest: z.string(),
});

/** A change of a dataset in S3. Its files have paths that none had before. */
export type S3Commit = z.infer<typeof commitSchema>;

/** What became of a change: where it was not made, nothing of it is left. */
export type Outcome = 'made' | 'upload lost' | 'manifest changed';

/** Where changes are made. */
export interface S3Prefix {
  readonly bucket: S3Bucket;
  /** Before each path of the dataset: `lake/readings/`, or an empty text. */
  readonly root: string;
  readonly lease: S3Lease;
}

/** A key for the note of a change. */
export function newNote({ root }: S3Prefix): string {
  return `${root}${notePrefix}${randomBytes(9).toString('hex')}.json`;
}

/**
 * Makes a change whose note is written, from whatever point a run died at: completes the uploads, replaces the manifest on condition
 * that it is still the one before, and only then removes old files. Until the manifest is replaced, all can be undone, and is undone
 * where an upload is gone or another run has gone on meanwhile.
 * @throws ServiceConflict `LEASE_LOST`, and then the note is left to the run that has the lease; as the bucket
 */
export async function settleCommit(prefix: S3Prefix, note: string, commit: S3Commit): Promise<Outcome> {
  const { bucket, root, lease } = prefix;
  const outcome = await bringAbout(prefix, commit);
  if (outcome === 'made') await atOnce(commit.removed, (path) => bucket.delete(root + path));
  else {
    // An upload that whoever took the lease over has completed looks lost as well.
    await lease.confirm();
    await undo(prefix, commit);
  }
  await bucket.delete(note);
  return outcome;
}

/** Settles the changes that dead runs have noted. @throws as `settleCommit` */
export async function settleNotes(prefix: S3Prefix): Promise<void> {
  const { bucket, root } = prefix;
  for await (const key of bucket.list(root + notePrefix)) {
    const noted = await bucket.get(key);
    if (noted) await settleCommit(prefix, key, commitSchema.parse(JSON.parse(noted.text)));
  }
}

async function bringAbout({ bucket, root, lease }: S3Prefix, commit: S3Commit): Promise<Outcome> {
  const manifest = await bucket.get(root + manifestName);
  if (manifest?.text === commit.manifest) return 'made';
  if ((manifest?.etag ?? null) !== commit.follows) return 'manifest changed';
  const isMade = async ({ path, mark }: S3Commit['files'][number]) =>
    (await bucket.metadata(root + path, markName)) === mark;
  let isWhole = true;
  // Readers see nothing of a change that cannot be made any more.
  await atOnce(commit.files, async (file) => {
    const upload = { key: root + file.path, uploadId: file.uploadId };
    if (isWhole && !(await bucket.uploads.exists(upload)) && !(await isMade(file))) isWhole = false;
  });
  await atOnce(commit.files, async (file) => {
    lease.check();
    const upload = { key: root + file.path, uploadId: file.uploadId };
    // An attempt whose answer was lost, or a dead run, may have completed it.
    if (isWhole && !(await bucket.uploads.complete(upload, file.parts)) && !(await isMade(file)))
      isWhole = false;
  });
  if (!isWhole) return 'upload lost';
  await lease.confirm();
  const condition = commit.follows === null ? 'absent' : { etag: commit.follows };
  if ((await bucket.put(root + manifestName, commit.manifest, condition)) !== undefined) return 'made';
  // By an attempt whose answer was lost, or by another run.
  return (await bucket.get(root + manifestName))?.text === commit.manifest ? 'made' : 'manifest changed';
}

/** Removes what there is of a change, but for what the manifest names: it may have been made after all. */
async function undo({ bucket, root }: S3Prefix, { files }: S3Commit): Promise<void> {
  const manifest = await bucket.get(root + manifestName);
  const named = manifest && ownPaths(parseManifest(manifest.text, root));
  await atOnce(files, async ({ path, uploadId, mark }) => {
    const key = root + path;
    // First, so that nobody completes it afterwards.
    await bucket.uploads.abort({ key, uploadId });
    if (!named?.has(path) && (await bucket.metadata(key, markName)) === mark) await bucket.delete(key);
  });
}

/** Does the work for each. After a failure no other is begun, and none is under way when this ends. @throws what failed first */
async function atOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const failures: unknown[] = [];
  const next = async () => {
    for (const item of waiting) {
      if (failures.length > 0) return;
      await work(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, next));
  if (failures.length > 0) throw failures[0];
}
