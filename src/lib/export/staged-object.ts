import { createHash, type Hash } from 'node:crypto';

import type { S3Bucket } from '../clients/s3/bucket.js';
import type { S3Part, S3Upload } from '../clients/s3/uploads.js';
import { NotWritten } from '../core/errors.js';
import type { StagedFile } from './target.js';
import { type UploadSpool, partBytes } from './upload-spool.js';

/** The name of the metadata by which an object is known to be of an upload. */
export const markName = 'metrify-upload';
const mostParts = 10_000;
/** Parts that are sent at once, of all files: each takes 8 MiB. */
const mostSending = 4;

/** What the files of a run share. */
export interface Sending {
  readonly bucket: S3Bucket;
  readonly spool: UploadSpool;
  /** Parts under way. */
  readonly parts: Set<Promise<void>>;
  /** @throws ServiceConflict when the right to write is lost */
  readonly check: () => void;
}

/** A multipart upload that is not completed. Parts are sent while more is written. */
export class StagedObject implements StagedFile {
  bytes = 0;
  readonly #sending: Sending;
  readonly #hash: Hash = createHash('sha256');
  readonly #parts: S3Part[] = [];
  readonly #own = new Set<Promise<void>>();
  #upload: S3Upload | undefined;
  #place: number | undefined;
  /** Bytes in the place. */
  #held = 0;
  #sent = 0;
  #failure: Error | undefined;

  /** @param mark different for every upload */
  constructor(
    readonly path: string,
    readonly key: string,
    readonly mark: string,
    sending: Sending,
  ) {
    this.#sending = sending;
  }

  /** @throws NotWritten; as the bucket */
  async write(buffers: readonly Buffer[]): Promise<void> {
    const { spool } = this.#sending;
    const all = Buffer.concat(buffers);
    this.#hash.update(all);
    this.bytes += all.length;
    for (let from = 0; from < all.length;) {
      this.#place ??= spool.take();
      const piece = all.subarray(from, from + partBytes - this.#held);
      await spool.write(this.#place, this.#held, piece);
      this.#held += piece.length;
      from += piece.length;
      if (this.#held === partBytes) await this.#send();
    }
  }

  async finish(): Promise<string> {
    if (this.#held > 0) await this.#send();
    await Promise.all(this.#own);
    if (this.#failure) throw this.#failure;
    this.#parts.sort((a, b) => a.number - b.number);
    return this.#hash.digest('hex');
  }

  /** What is needed to make it an object. Only of a finished one. */
  get uploaded(): S3Upload & { readonly parts: readonly S3Part[] } {
    return { ...this.#upload!, parts: this.#parts };
  }

  /** Removes its parts. */
  async abort(): Promise<void> {
    await Promise.all(this.#own);
    if (this.#upload) await this.#sending.bucket.uploads.abort(this.#upload);
  }

  /** Sends what is in the place, behind the back of whoever writes. */
  async #send(): Promise<void> {
    const { bucket, spool, parts, check } = this.#sending;
    if (this.#failure) throw this.#failure;
    check();
    if (this.#sent === mostParts)
      throw new NotWritten(`${this.path} is larger than 10,000 parts of 8 MiB, which S3 has`, {
        hint: 'Divide it: partition by another column, or set a smaller size of files.',
      });
    this.#upload ??= {
      key: this.key,
      uploadId: await bucket.uploads.create(this.key, { [markName]: this.mark }),
    };
    const body = await spool.read(this.#place!, this.#held);
    spool.release(this.#place!);
    this.#place = undefined;
    this.#held = 0;
    const [number, upload] = [++this.#sent, this.#upload];
    while (parts.size >= mostSending) await Promise.race(parts);
    const sent: Promise<void> = bucket.uploads
      .sendPart(upload, number, body)
      .then((etag) => void this.#parts.push({ number, etag }))
      .catch((error: unknown) => void (this.#failure ??= error as Error))
      .finally(() => {
        parts.delete(sent);
        this.#own.delete(sent);
      });
    parts.add(sent);
    this.#own.add(sent);
  }
}
