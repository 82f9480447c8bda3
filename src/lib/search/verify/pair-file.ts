import { statfs } from 'node:fs/promises';

import { NotWritten } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { hashWords } from './document-hash.js';
import { NamelessFile } from './nameless-file.js';

/** Words of a pair: the hash of an id, and the hash of its content. */
export const pairWords = 2 * hashWords;
const pairBytes = 4 * pairWords;

/** Pairs are divided by the first byte of the id's hash. */
export const parts = 256;
/** Pairs of a part that are written at once: 16 KiB. */
const blockPairs = 512;
const blockWords = blockPairs * pairWords;
const blockBytes = blockPairs * pairBytes;

/**
 * Pairs of hashes, of any number of documents, 32 bytes each: in blocks of one nameless file. Memory: 4 MiB, and 8 bytes a block. What fits into memory never reaches the disk.
 */
export class PairFile {
  readonly #file: NamelessFile;
  /** The last block of each part, which is not full yet. */
  readonly #open = new Int32Array(parts * blockWords);
  readonly #filled = new Int32Array(parts);
  /** Places of the blocks of each part within the file, in their order. */
  readonly #blocks: number[][] = Array.from({ length: parts }, () => []);
  #waiting: Int32Array[] = [];
  #places = 0;
  #count = 0;

  constructor(folder: string) {
    this.#file = new NamelessFile(folder);
  }

  get count(): number {
    return this.#count;
  }

  /** Takes a pair. `flush` must follow after some thousands. */
  add(pair: Int32Array): void {
    const part = pair[0]! >>> 24;
    const at = this.#filled[part]!;
    this.#open.set(pair, part * blockWords + at * pairWords);
    this.#count++;
    if (at + 1 < blockPairs) {
      this.#filled[part] = at + 1;
      return;
    }
    this.#filled[part] = 0;
    this.#waiting.push(this.#open.slice(part * blockWords, (part + 1) * blockWords));
    this.#blocks[part]!.push(this.#places++);
  }

  /** Writes the blocks that are full. @throws NotWritten */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const blocks = this.#waiting;
    this.#waiting = [];
    const first = this.#places - blocks.length;
    const bytes = Buffer.concat(blocks.map((block) => Buffer.from(block.buffer)));
    await this.#file.write(bytes, first * blockBytes);
  }

  /** The pairs of a part, in the order in which they were added. */
  async part(part: number): Promise<Int32Array> {
    const blocks = this.#blocks[part]!;
    const rest = this.#filled[part]! * pairWords;
    const pairs = new Int32Array(blocks.length * blockWords + rest);
    for (const [i, place] of blocks.entries())
      await this.#file.read(Buffer.from(pairs.buffer, i * blockBytes, blockBytes), place * blockBytes);
    const from = part * blockWords;
    pairs.set(this.#open.subarray(from, from + rest), blocks.length * blockWords);
    return pairs;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Bytes of disk that so many documents need, of both sides together. */
export function bytesOfPairs(documents: number): number {
  return documents * pairBytes;
}

/** @throws NotWritten when the folder's disk has no room for it */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free < bytes)
    throw new NotWritten(
      `the comparison needs ${formatBytes(bytes)} in ${folder}, where ${formatBytes(free)} are free`,
      { hint: 'Make room there, or set TMPDIR to a folder on another disk.' },
    );
}
