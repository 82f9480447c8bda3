import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';

import * as z from 'zod/mini';

import type { S3Bucket } from '../clients/s3/bucket.js';
import type { S3Location } from '../clients/s3/url.js';
import type { Clock } from '../core/clock.js';
import { ServiceConflict, ServiceUnavailable } from '../core/errors.js';
import { datasetPath, manifestName } from './manifest.js';
import { PartSpool } from './part-spool.js';
import { S3Lease } from './s3-lease.js';
import { markName, type Sending, StagedObject } from './staged-object.js';
import type { Change, OpenTarget, Target } from './target.js';

const leaseName = '.metrify-lease.json';
/** The change that is being made. */
const commitName = '.metrify-commit.json';
/** Of uploads of a dataset's files: those of others are not touched. */
const partName = /(^|\/)part-[0-9a-f-]*\d{5}\.\w+$/;
/** Folders that change at once. */
const mostFolders = 8;

const commitSchema = z.object({
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
type Commit = z.infer<typeof commitSchema>;

export interface S3TargetOptions {
  readonly clock: Clock;
  /** Where parts wait until they are sent. */
  readonly temporaryFolder: string;
  /** Ends what is being sent. */
  readonly signal: AbortSignal;
  /** Ends later, for tidying up. */
  readonly grace: AbortSignal;
}

/** Below a prefix of a bucket. Its files are multipart uploads, which are completed when all of them are whole. */
export class S3Target implements Target {
  readonly name: string;
  readonly #bucket: S3Bucket;
  readonly #root: string;
  readonly #options: S3TargetOptions;

  constructor(bucket: S3Bucket, { prefix }: S3Location, options: S3TargetOptions) {
    this.name = `s3://${bucket.bucket}/${prefix}`;
    this.#bucket = bucket;
    this.#root = prefix === '' ? '' : `${prefix}/`;
    this.#options = options;
  }

  async open(): Promise<OpenTarget> {
    const { clock, signal, grace, temporaryFolder } = this.#options;
    const root = this.#root;
    const spool = await PartSpool.open(temporaryFolder);
    const patient = this.#bucket.with(grace);
    let lease: S3Lease | undefined;
    try {
      lease = await S3Lease.acquire(patient, root + leaseName, `the dataset ${this.name}`, clock, signal);
      await settle(patient, root);
      const manifest = (await this.#bucket.get(root + manifestName))?.text;
      return new OpenPrefix(this.#bucket, patient, root, lease, spool, manifest);
    } catch (error) {
      await lease?.release();
      await spool.close();
      throw error;
    }
  }
}

class OpenPrefix implements OpenTarget {
  readonly #staged: StagedObject[] = [];
  readonly #sending: Sending;
  #isCommitting = false;

  constructor(
    readonly bucket: S3Bucket,
    /** The same, beyond the end of the run. */
    readonly patient: S3Bucket,
    readonly root: string,
    readonly lease: S3Lease,
    readonly spool: PartSpool,
    readonly manifest: string | undefined,
  ) {
    this.#sending = { bucket, spool, parts: new Set(), check: () => lease.check() };
  }

  async list(): Promise<readonly string[]> {
    const paths: string[] = [];
    for await (const { key } of this.bucket.list(this.root)) {
      const path = key.slice(this.root.length);
      if (!/(^|\/)[._]/.test(path)) paths.push(path);
    }
    return paths;
  }

  stage(path: string): StagedObject {
    const object = new StagedObject(path, this.root + path, randomBytes(9).toString('hex'), this.#sending);
    this.#staged.push(object);
    return object;
  }

  async commit({ files, removed, manifest }: Change): Promise<void> {
    const commit: Commit = {
      files: (files as readonly StagedObject[]).map(({ path, mark, uploaded: { uploadId, parts } }) => ({
        path,
        uploadId,
        mark,
        parts: [...parts],
      })),
      removed: [...removed],
      manifest,
    };
    await this.lease.confirm();
    await this.patient.put(this.root + commitName, JSON.stringify(commit));
    this.#isCommitting = true;
    const lost = await complete(this.patient, this.root, commit);
    if (lost.length > 0)
      throw new ServiceConflict(`the upload of ${this.root}${lost[0]} was aborted by somebody else`, {
        code: 'UPLOAD_LOST',
        hint: 'A lifecycle rule, or another run? The next run of this export settles it.',
      });
    this.#isCommitting = false;
  }

  async close(): Promise<void> {
    try {
      await Promise.all(this.#sending.parts);
      if (!this.#isCommitting) for (const object of this.#staged) await object.abort();
    } catch (error) {
      // The next run aborts them.
      if (!(error instanceof ServiceUnavailable)) throw error;
    } finally {
      await this.spool.close();
      await this.lease.release();
    }
  }
}

/** Completes the change that a dead run was about to make, if it was, and aborts its uploads. */
async function settle(bucket: S3Bucket, root: string): Promise<void> {
  const noted = await bucket.get(root + commitName);
  if (noted) {
    const commit = commitSchema.parse(JSON.parse(noted.text));
    const lost = await complete(bucket, root, commit);
    if (lost.length > 0) await undo(bucket, root, commit);
  }
  for await (const upload of bucket.uploads(root))
    if (partName.test(upload.key.slice(root.length))) await bucket.abortUpload(upload);
}

/**
 * May be done again, from any point on.
 * @returns paths of files whose upload is gone. Then there is no new manifest, and the note stays.
 */
async function complete(bucket: S3Bucket, root: string, commit: Commit): Promise<string[]> {
  const folders = new Map<string, { added: Commit['files']; removed: string[] }>();
  const folderOf = (path: string) => {
    const within = dirname(path);
    let there = folders.get(within);
    if (!there) folders.set(within, (there = { added: [], removed: [] }));
    return there;
  };
  for (const file of commit.files) folderOf(file.path).added.push(file);
  for (const path of commit.removed) folderOf(path).removed.push(path);
  const lost: string[] = [];
  // Folder by folder, so that a reader finds old and new files together as shortly as can be.
  const waiting = folders.values();
  const work = async () => {
    for (const { added, removed } of waiting) {
      for (const { path, uploadId, mark, parts } of added) {
        const key = root + path;
        const done =
          (await bucket.completeUpload({ key, uploadId }, parts)) ||
          // An attempt whose answer was lost, or a dead run, had come so far.
          (await bucket.metadata(key, markName)) === mark;
        if (!done) lost.push(path);
      }
      if (lost.length === 0) for (const path of removed) await bucket.delete(root + path);
    }
  };
  await Promise.all(Array.from({ length: mostFolders }, work));
  if (lost.length > 0) return lost;
  await bucket.put(root + manifestName, commit.manifest);
  await bucket.delete(root + commitName);
  return [];
}

/** Removes the files of a change that cannot be completed any more: no manifest has them. */
async function undo(bucket: S3Bucket, root: string, { files }: Commit): Promise<void> {
  for (const { path, mark } of files)
    if ((await bucket.metadata(root + path, markName)) === mark) await bucket.delete(root + path);
  await bucket.delete(root + commitName);
}
