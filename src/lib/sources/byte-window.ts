import { abortable } from '../core/abortable.js';
import type { SteadyFile } from '../core/steady-file.js';

/** Bytes from somewhere, in order. */
export interface ByteReader {
  /** Fills `target` from `at` on and gives the number of bytes; 0 at the end. */
  read(target: Buffer, at: number): Promise<number>;
}

export function fileReader(file: SteadyFile, position: number): ByteReader {
  let offset = position;
  return {
    async read(target, at) {
      const bytesRead = await file.read(target.subarray(at), offset);
      offset += bytesRead;
      return bytesRead;
    },
  };
}

export function streamReader(stream: NodeJS.ReadableStream): ByteReader & { close(): void } {
  stream.on('error', () => {}); // the read under way or the next one throws it
  const chunks = stream[Symbol.asyncIterator]();
  let rest = Buffer.alloc(0);
  return {
    async read(target, at) {
      while (rest.length === 0) {
        const next = await chunks.next();
        if (next.done) return 0;
        rest = Buffer.from(next.value as Buffer);
      }
      const copied = rest.copy(target, at);
      rest = rest.subarray(copied);
      return copied;
    },
    close() {
      // Not chunks.return(): that would wait for a read that may never come.
      (stream as { destroy?: () => void }).destroy?.();
    },
  };
}

const initialSize = 256 * 1024;

/** The unconsumed part of a byte stream: one buffer, refilled in place, that grows only for what does not fit. */
export class ByteWindow {
  #buffer: Buffer;
  #length = 0;
  #ended = false;

  constructor(
    readonly reader: ByteReader,
    /** The largest it may grow to. */
    readonly limit: number,
    size = initialSize,
  ) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Nothing follows what is in `bytes`. */
  get ended(): boolean {
    return this.#ended;
  }

  get full(): boolean {
    return this.#length >= this.limit;
  }

  /** Reads once. @throws the signal's reason when it is aborted first. */
  async fill(signal: AbortSignal): Promise<void> {
    if (this.#ended || this.full) return;
    if (this.#length === this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.limit, this.#buffer.length * 2));
      this.#buffer.copy(larger);
      this.#buffer = larger;
    }
    const count = await abortable(this.reader.read(this.#buffer, this.#length), signal);
    this.#length += count;
    this.#ended = count === 0;
  }

  consume(count: number): void {
    this.#buffer.copyWithin(0, count, this.#length);
    this.#length -= count;
  }
}
