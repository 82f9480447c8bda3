import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

import { errorMessage, NotWritten, UserError } from '../core/errors.js';
import { type ByteString, fromBytes } from '../core/bytes.js';
import { formatCount } from '../core/units.js';
import { whyUnwritable } from '../core/unwritable.js';
import { deadLetterCode } from './codes.js';

export interface DeadLetter {
  /** Of the input, from 1. */
  line?: number | undefined;
  reason: string;
  /** What else the domain says of it: `{ level: 'redis' }`. */
  labels?: Readonly<Record<string, string>>;
  key?: ByteString;
  /** The raw line, or the row as JSON. */
  row: ByteString;
}

/** What could not be done, one JSON object per line, so that it can be mended and given again. */
export class DeadLetterFile {
  readonly #path: string;
  readonly #file: FileHandle;
  /** Up to the end of the last whole line. */
  #length: number;
  #pending: string[] = [];
  #added = 0;
  #written = 0;
  #problem: unknown;

  private constructor(path: string, file: FileHandle, length: number) {
    this.#path = path;
    this.#file = file;
    this.#length = length;
  }

  /**
   * Starts over, or continues after the first `keepBytes` of an earlier run.
   * @throws UserError exit 2 when the file cannot be written, or is not the one of the earlier run.
   */
  static async open(path: string, keepBytes: number): Promise<DeadLetterFile> {
    let file: FileHandle | undefined;
    try {
      // Without waiting for somebody who reads a FIFO.
      file = await open(path, (keepBytes > 0 ? constants.O_RDWR : toStart) | constants.O_NONBLOCK);
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error('it is not a regular file');
      const { size } = stats;
      if (size < keepBytes) throw new Error('it is shorter than when the checkpoint was written');
      if (keepBytes > 0 && !(await endsLine(file, keepBytes)))
        throw new Error('it has changed since the checkpoint was written');
      await file.truncate(keepBytes);
      return new DeadLetterFile(path, file, keepBytes);
    } catch (error) {
      await file?.close();
      throw new UserError(`the dead-letter file ${path} cannot be written: ${whyUnwritable(error)}`, {
        code: deadLetterCode,
        hint: 'Nothing was written. Name another file with --dead-letter.',
      });
    }
  }

  /** What the file holds, in bytes. */
  get bytes(): number {
    return this.#length;
  }

  add({ line, reason, labels, key, row }: DeadLetter): void {
    this.#added++;
    this.#pending.push(
      `${JSON.stringify({
        ...(line === undefined ? {} : { line }),
        reason,
        ...labels,
        ...(key === undefined ? {} : { key: fromBytes(key) }),
        row: fromBytes(row),
      })}\n`,
    );
  }

  /**
   * Writes what was added. Once that fails nothing more is written, so that the file ends at a whole line, and no line
   * is missing between two others.
   * @throws NotWritten as `incomplete`
   */
  async flush(): Promise<void> {
    const lines = this.#pending;
    this.#pending = [];
    if (this.#problem === undefined && lines.length > 0) await this.#write(lines);
    const incomplete = this.incomplete();
    if (incomplete) throw incomplete;
  }

  /** How many that were added could not be written. */
  get missing(): number {
    return this.#problem === undefined ? 0 : this.#added - this.#written;
  }

  /** What is missing in the file up to now. */
  incomplete(): NotWritten | undefined {
    if (this.#problem === undefined) return undefined;
    return new NotWritten(
      `the dead letters in ${this.#path} are incomplete: ${errorMessage(this.#problem)}; of this run's ` +
        `${formatCount(this.#added)} it has the first ${formatCount(this.#written)}`,
      { code: deadLetterCode, cause: this.#problem, hint: 'Make room there first.' },
    );
  }

  /** Leaves what is missing to `incomplete`. */
  async close(): Promise<void> {
    await this.flush().catch((error: unknown) => (this.#problem ??= error));
    await this.#file.close().catch((error: unknown) => (this.#problem ??= error));
  }

  async #write(lines: readonly string[]): Promise<void> {
    const data = Buffer.from(lines.join(''), 'utf8');
    let done = 0;
    try {
      // A disk that becomes full takes a part first, and the next write fails.
      while (done < data.length)
        done += (await this.#file.write(data, done, data.length - done, this.#length + done)).bytesWritten;
      this.#written += lines.length;
    } catch (error) {
      this.#problem = error;
      const whole = data.subarray(0, done).lastIndexOf('\n') + 1;
      this.#written += data.subarray(0, whole).toString('utf8').split('\n').length - 1;
      done = whole;
      // Should it fail as well, the last line is cut, which whoever reads it sees.
      await this.#file.truncate(this.#length + whole).catch(() => {});
    }
    this.#length += done;
  }
}

const toStart = constants.O_WRONLY | constants.O_CREAT;

async function endsLine(file: FileHandle, end: number): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, end - 1);
  return bytesRead === 1 && buffer[0] === 10;
}
