import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

import type { Sink } from '../columnar/sink.js';
import { errorMessage, NotWritten } from '../core/errors.js';

/** A file under a temporary name, whose content is hashed as it is written. */
export class StagedFile implements Sink {
  bytes = 0;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');

  static async open(path: string): Promise<StagedFile> {
    return new StagedFile(path, await open(path, 'wx', 0o644));
  }

  private constructor(
    readonly path: string,
    file: FileHandle,
  ) {
    this.#file = file;
  }

  /** @throws NotWritten */
  async write(parts: readonly Buffer[]): Promise<void> {
    const all = Buffer.concat(parts);
    this.#hash.update(all);
    try {
      for (let at = 0; at < all.length;) at += (await this.#file.write(all, at)).bytesWritten;
    } catch (error) {
      throw notWritten(this.path, error);
    }
    this.bytes += all.length;
  }

  /** Waits until the disk has it. @returns its SHA-256, in hexadecimal. @throws NotWritten */
  async close(): Promise<string> {
    try {
      await this.#file.sync();
    } catch (error) {
      throw notWritten(this.path, error);
    } finally {
      await this.#file.close();
    }
    return this.#hash.digest('hex');
  }

  /** Leaves it as it is. */
  async abandon(): Promise<void> {
    await this.#file.close();
  }
}

function notWritten(path: string, error: unknown): NotWritten {
  return new NotWritten(`${path} is incomplete: ${errorMessage(error)}`, {
    cause: error,
    hint: 'Nothing of the dataset was changed. Make room, and run it again.',
  });
}
