import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceConflict } from './errors.js';
import { formatCount } from './units.js';

/** So much of what was read is compared with what stands there later, bytes. */
const keptBytes = 4096;
/** A file that is being appended to can be new and not longer yet for an instant. */
const appendMs = 200;

interface Kept {
  position: number;
  bytes: Buffer;
}

/**
 * A regular file, read by position while others may write to it. It may grow and be renamed. Truncated, or written again
 * in place, it is no longer the file whose first part was read, and what was read last may be the half of a record.
 */
export class SteadyFile {
  readonly #file: FileHandle;
  readonly #label: string;
  readonly #begun: BigIntStats;
  #seen: BigIntStats;
  /** The first and the last bytes that were read. */
  #head: Kept | undefined;
  #tail: Kept | undefined;

  private constructor(file: FileHandle, label: string, stats: BigIntStats) {
    this.#file = file;
    this.#label = label;
    this.#begun = this.#seen = stats;
  }

  static async of(file: FileHandle, label: string): Promise<SteadyFile> {
    return new SteadyFile(file, label, await file.stat({ bigint: true }));
  }

  /** Bytes when it was opened. */
  get size(): number {
    return Number(this.#begun.size);
  }

  get modifiedMs(): number {
    return Number(this.#begun.mtimeNs / 1000n) / 1000;
  }

  /**
   * Fills `target`, and gives the number of bytes; 0 at the end. None of them is given when the file was changed.
   * @throws ServiceConflict exit 4 `INPUT_CHANGED`
   */
  async read(target: Buffer, position: number): Promise<number> {
    const { bytesRead } = await this.#file.read(target, 0, target.length, position);
    await this.#requireSame();
    if (bytesRead === 0) {
      await this.requireUnchanged();
      return 0;
    }
    const bytes = target.subarray(0, bytesRead);
    this.#head ??= { position, bytes: Buffer.from(bytes.subarray(0, keptBytes)) };
    const from = Math.max(0, bytesRead - keptBytes);
    this.#tail = { position: position + from, bytes: Buffer.from(bytes.subarray(from)) };
    return bytesRead;
  }

  /** At the end of reading: whether all of it belongs together. @throws as `read` */
  async requireUnchanged(): Promise<void> {
    await this.#requireSame();
    if (this.#seen.mtimeNs === this.#begun.mtimeNs || this.#seen.size !== this.#begun.size) return;
    await delay(appendMs);
    await this.#requireSame();
    if (this.#seen.size === this.#begun.size) throw this.#changed('it was written to, and is not longer');
  }

  async #requireSame(): Promise<void> {
    const now = await this.#file.stat({ bigint: true });
    if (now.size < this.#seen.size)
      throw this.#changed(
        `it has ${formatCount(Number(now.size))} bytes, and had ${formatCount(Number(this.#seen.size))}`,
      );
    const written = now.mtimeNs !== this.#seen.mtimeNs;
    this.#seen = now;
    if (!written) return;
    for (const kept of [this.#head, this.#tail])
      if (kept && !(await this.#holds(kept))) throw this.#changed('what was read is not there any more');
  }

  async #holds({ position, bytes }: Kept): Promise<boolean> {
    const now = Buffer.alloc(bytes.length);
    const { bytesRead } = await this.#file.read(now, 0, now.length, position);
    return now.subarray(0, bytesRead).equals(bytes);
  }

  #changed(how: string): ServiceConflict {
    return new ServiceConflict(`${this.#label} was changed while it was read: ${how}`, {
      code: 'INPUT_CHANGED',
      hint: 'Run the same command again when nobody writes to it any more, or give it a copy.',
    });
  }
}
