import { randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { errorMessage, NotWritten } from '../../core/errors.js';

/** A temporary file without a name, which is gone with its process however that ends. */
export class NamelessFile {
  readonly #folder: string;
  #file: FileHandle | undefined;

  /** It is made when something is written. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws NotWritten */
  async write(bytes: Buffer, at: number): Promise<void> {
    try {
      this.#file ??= await openNameless(this.#folder);
      for (let done = 0; done < bytes.length;)
        done += (await this.#file.write(bytes, done, undefined, at + done)).bytesWritten;
    } catch (error) {
      throw new NotWritten(`nothing can be kept in ${this.#folder}: ${errorMessage(error)}`, {
        cause: error,
        hint: 'Make room there, or set TMPDIR to a folder on another disk.',
      });
    }
  }

  /** Fills the buffer with what was written there. */
  async read(into: Buffer, at: number): Promise<void> {
    for (let done = 0; done < into.length;) {
      const { bytesRead } = await this.#file!.read(into, done, undefined, at + done);
      if (bytesRead === 0) throw new Error('a temporary file is shorter than what was written to it');
      done += bytesRead;
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}

async function openNameless(folder: string): Promise<FileHandle> {
  const path = join(folder, `metrify-${randomBytes(8).toString('hex')}.tmp`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}
