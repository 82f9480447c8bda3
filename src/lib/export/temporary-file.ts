import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

import { errorMessage, NotWritten } from '../core/errors.js';
import type { StagedFile } from './target.js';

/** What one call of the system takes at least (IOV_MAX is 1,024 on Linux and macOS). */
const partsAtOnce = 512;

/**
 * A file under a temporary name, whose content is hashed as it is written. It is open only while it is written to: there may be
 * thousands.
 */
export class TemporaryFile implements StagedFile {
  bytes = 0;
  readonly #hash: Hash = createHash('sha256');

  /** @param local its name until then */
  constructor(
    readonly path: string,
    readonly local: string,
  ) {}

  async write(parts: readonly Buffer[]): Promise<void> {
    await this.#open(async (file) => {
      for (let i = 0; i < parts.length; i += partsAtOnce)
        await writeAll(file, parts.slice(i, i + partsAtOnce));
    });
    for (const part of parts) {
      this.#hash.update(part);
      this.bytes += part.length;
    }
  }

  async finish(): Promise<string> {
    await this.#open((file) => file.sync());
    return this.#hash.digest('hex');
  }

  async #open(use: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      const file = await open(this.local, 'a', 0o644);
      try {
        await use(file);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw new NotWritten(`${this.local} cannot be written: ${errorMessage(error)}`, {
        cause: error,
        hint: 'Nothing of the dataset was changed. Make room, and run it again.',
      });
    }
  }
}

async function writeAll(file: FileHandle, parts: readonly Buffer[]): Promise<void> {
  let left = parts;
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left);
    const next = left.findIndex((part) => (bytesWritten -= part.length) < 0);
    if (next < 0) return;
    // A disk that is nearly full takes a part of it.
    left = [left[next]!.subarray(left[next]!.length + bytesWritten), ...left.slice(next + 1)];
  }
}
