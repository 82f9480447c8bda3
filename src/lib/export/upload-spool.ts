import { randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { errorMessage, NotWritten } from '../core/errors.js';

/** S3 takes parts of 5 MiB or more, but for the last; the maximum is 10,000 parts. */
export const partBytes = 8 * 1024 * 1024;

/**
 * Room for one part of each of thousands of files: a place each in one file without a name, which is gone with its process however
 * that ends.
 */
export class UploadSpool {
  readonly #file: FileHandle;
  readonly #free: number[] = [];
  #places = 0;

  /** @throws NotWritten */
  static async open(folder: string): Promise<UploadSpool> {
    const path = join(folder, `metrify-${randomBytes(8).toString('hex')}.tmp`);
    try {
      const file = await open(path, 'wx+', 0o600);
      await unlink(path);
      return new UploadSpool(file);
    } catch (error) {
      throw notKept(error);
    }
  }

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  take(): number {
    return this.#free.pop() ?? this.#places++;
  }

  release(place: number): void {
    this.#free.push(place);
  }

  /** @param at from the beginning of the place @throws NotWritten */
  async write(place: number, at: number, bytes: Buffer): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;)
        done += (await this.#file.write(bytes, done, undefined, place * partBytes + at + done)).bytesWritten;
    } catch (error) {
      throw notKept(error);
    }
  }

  /** The first bytes of a place. */
  async read(place: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.#file.read(bytes, done, undefined, place * partBytes + done);
      if (bytesRead === 0) throw new Error('the file of parts is shorter than what was written to it');
      done += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function notKept(error: unknown): NotWritten {
  return new NotWritten(`the parts of files cannot be kept until they are sent: ${errorMessage(error)}`, {
    cause: error,
    hint: 'Nothing of the dataset was changed. Make room in the folder for temporary files, and run it again.',
  });
}
