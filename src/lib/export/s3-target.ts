import { randomBytes } from 'node:crypto';

import type { S3Bucket } from '../clients/s3/bucket.js';
import type { S3Location } from '../clients/s3/url.js';
import type { Clock } from '../core/clock.js';
import { ServiceConflict, ServiceUnavailable } from '../core/errors.js';
import { isHidden } from './data-files.js';
import { manifestName } from './manifest.js';
import { newNote, type S3Commit, type S3Prefix, settleCommit, settleNotes } from './s3-commit.js';
import { S3Lease } from './s3-lease.js';
import { type Sending, StagedObject } from './staged-object.js';
import type { Change, OpenTarget, Target } from './target.js';
import { UploadSpool } from './upload-spool.js';

const leaseName = '.metrify-lease.json';
/** Of uploads of a dataset's files: those of others are not touched. */
const partName = /(^|\/)part-[0-9a-f-]*\d{5}\.\w+$/;

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
    const spool = await UploadSpool.open(temporaryFolder);
    const patient = this.#bucket.with(grace);
    let lease: S3Lease | undefined;
    try {
      lease = await S3Lease.acquire(patient, root + leaseName, `the dataset ${this.name}`, clock, signal);
      const prefix = { bucket: patient, root, lease };
      await settle(prefix);
      const manifest = await this.#bucket.get(root + manifestName);
      return new OpenPrefix(this.#bucket, prefix, spool, manifest);
    } catch (error) {
      await spool.close();
      await lease?.release();
      throw error;
    }
  }
}

class OpenPrefix implements OpenTarget {
  /** A reader asks for an object piece by piece: of one that is replaced it would get old and new pieces. */
  readonly canReplaceFiles = false;
  readonly #bucket: S3Bucket;
  /** Its bucket is there beyond the end of the run. */
  readonly #prefix: S3Prefix;
  readonly #spool: UploadSpool;
  readonly #manifest: { readonly text: string; readonly etag: string } | undefined;
  readonly #staged: StagedObject[] = [];
  readonly #sending: Sending;
  /** Whether the next run settles what becomes of the files. */
  #isNoted = false;

  constructor(
    bucket: S3Bucket,
    prefix: S3Prefix,
    spool: UploadSpool,
    manifest: { readonly text: string; readonly etag: string } | undefined,
  ) {
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#spool = spool;
    this.#manifest = manifest;
    this.#sending = { bucket, spool, parts: new Set(), check: () => prefix.lease.check() };
  }

  get manifest(): string | undefined {
    return this.#manifest?.text;
  }

  async list(): Promise<readonly string[]> {
    const { root } = this.#prefix;
    const paths: string[] = [];
    for await (const key of this.#bucket.list(root)) {
      const path = key.slice(root.length);
      if (!isHidden(path)) paths.push(path);
    }
    return paths;
  }

  stage(path: string): StagedObject {
    const key = this.#prefix.root + path;
    const object = new StagedObject(path, key, randomBytes(9).toString('hex'), this.#sending);
    this.#staged.push(object);
    return object;
  }

  async commit({ files, removed, manifest }: Change): Promise<void> {
    const { bucket, root, lease } = this.#prefix;
    const commit: S3Commit = {
      follows: this.#manifest?.etag ?? null,
      files: (files as readonly StagedObject[]).map(({ path, mark, uploaded: { uploadId, parts } }) => ({
        path,
        uploadId,
        mark,
        parts: [...parts],
      })),
      removed: [...removed],
      manifest,
    };
    await lease.confirm();
    const note = newNote(this.#prefix);
    // Also where the answer is lost: then the note may be there.
    this.#isNoted = true;
    await bucket.put(note, JSON.stringify(commit));
    const outcome = await settleCommit(this.#prefix, note, commit);
    this.#isNoted = false;
    if (outcome === 'made') return;
    const place = `s3://${bucket.bucket}/${root}`;
    throw outcome === 'upload lost'
      ? new ServiceConflict(`uploads to ${place} were aborted by somebody else`, {
          code: 'UPLOAD_LOST',
          hint: 'Nothing of the dataset was changed. Does a lifecycle rule abort uploads too early? Run it again.',
        })
      : new ServiceConflict(`${place}${manifestName} was changed by somebody else`, {
          code: 'DATASET_CHANGED',
          hint: 'Nothing of the dataset was changed by this run. Run it again.',
        });
  }

  async close(): Promise<void> {
    try {
      await Promise.all(this.#sending.parts);
      if (!this.#isNoted) for (const object of this.#staged) await object.abort();
    } catch (error) {
      // The next run aborts them.
      if (!(error instanceof ServiceUnavailable)) throw error;
    } finally {
      await this.#spool.close();
      await this.#prefix.lease.release();
    }
  }
}

/** Settles what dead runs were about to change, and aborts their uploads. */
async function settle(prefix: S3Prefix): Promise<void> {
  await settleNotes(prefix);
  const { bucket, root } = prefix;
  for await (const upload of bucket.uploads.list(root))
    if (partName.test(upload.key.slice(root.length))) await bucket.uploads.abort(upload);
}
