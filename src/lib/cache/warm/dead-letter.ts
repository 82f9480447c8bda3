import { type FileHandle, open } from 'node:fs/promises';

import { errorMessage, UserError } from '../../core/errors.js';
import type { ByteString } from '../../core/bytes.js';
import { fromBytes } from '../../core/bytes.js';

export interface DeadLetter {
  line?: number | undefined;
  reason: string;
  level?: string;
  key?: ByteString;
  /** The raw line, or the row as JSON. */
  row: ByteString;
}

/** Rows that could not be written, a JSON object a line, so that they can be mended and given again. */
export class DeadLetterFile {
  #pending: string[] = [];
  bytes: number;

  private constructor(
    private readonly file: FileHandle,
    bytes: number,
  ) {
    this.bytes = bytes;
  }

  /**
   * Starts anew, or goes on behind the first `keepBytes` of an earlier run.
   * @throws UserError exit 2 when the file cannot be written.
   */
  static async open(path: string, keepBytes: number): Promise<DeadLetterFile> {
    try {
      const file = await open(path, keepBytes > 0 ? 'r+' : 'w');
      await file.truncate(keepBytes);
      return new DeadLetterFile(file, keepBytes);
    } catch (error) {
      throw new UserError(`the dead-letter file ${path} cannot be written: ${errorMessage(error)}`, {
        code: 'DEAD_LETTER',
      });
    }
  }

  add({ line, reason, level, key, row }: DeadLetter): void {
    this.#pending.push(
      `${JSON.stringify({
        ...(line === undefined ? {} : { line }),
        reason,
        ...(level === undefined ? {} : { level }),
        ...(key === undefined ? {} : { key: fromBytes(key) }),
        row: fromBytes(row),
      })}\n`,
    );
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const data = Buffer.from(this.#pending.join(''), 'utf8');
    this.#pending = [];
    await this.file.write(data, 0, data.length, this.bytes);
    this.bytes += data.length;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.file.close();
  }
}
