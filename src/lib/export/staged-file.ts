import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

import type { Sink } from '../columnar/sink.js';
import { errorMessage, NotWritten } from '../core/errors.js';

/**
 * A file under a temporary name, whose content is hashed as it is written. It is open only while it is written to: there may be
 * thousands.
 */
export class StagedFile implements Sink {
  bytes = 0;
  readonly path: string;
  readonly #hash: Hash = createHash('sha256');

  constructor(path: string) {
    this.path = path;
  }

  /** @throws NotWritten */
  async write(parts: readonly Buffer[]): Promise<void> {
    const all = Buffer.concat(parts);
    this.#hash.update(all);
    await this.#open(async (file) => {
      for (let at = 0; at < all.length;) at += (await file.write(all, at)).bytesWritten;
    });
    this.bytes += all.length;
  }

  /** Waits until the disk has it. @returns its SHA-256, in hexadecimal. @throws NotWritten */
  async close(): Promise<string> {
    await this.#open((file) => file.sync());
    return this.#hash.digest('hex');
  }

  async #open(use: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      const file = await open(this.path, 'a', 0o644);
      try {
        await use(file);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw notWritten(this.path, error);
    }
  }
}

function notWritten(path: string, error: unknown): NotWritten {
  return new NotWritten(`${path} is incomplete: ${errorMessage(error)}`, {
    cause: error,
    hint: 'Nothing of the dataset was changed. Make room, and run it again.',
  });
}
