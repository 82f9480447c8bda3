import { type FileHandle, open } from 'node:fs/promises';

import { unreadable } from '../../core/unreadable.js';
import { ParquetMalformed } from './malformed.js';

/** Bytes at any place, of a file or an object. */
export interface ByteSource {
  /** For people: a path or a URL. */
  readonly name: string;
  readonly size: number;
  /** @throws ParquetMalformed where there are fewer */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** @throws UserError exit 2 */
export async function openFile(path: string, name = path): Promise<ByteSource> {
  try {
    const file = await open(path);
    try {
      return new FileSource(file, name, (await file.stat()).size);
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    throw unreadable(name, error);
  }
}

class FileSource implements ByteSource {
  readonly #file: FileHandle;

  constructor(
    file: FileHandle,
    readonly name: string,
    readonly size: number,
  ) {
    this.#file = file;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    checkRange(this.size, offset, length);
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length;) {
      const { bytesRead } = await this.#file
        .read(bytes, at, length - at, offset + at)
        .catch((error: unknown) => {
          throw unreadable(this.name, error);
        });
      if (bytesRead === 0) throw new ParquetMalformed('it has become shorter');
      at += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** @throws ParquetMalformed */
export function checkRange(size: number, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > size)
    throw new ParquetMalformed(`bytes ${offset} to ${offset + length} of ${size} are asked for`);
}
