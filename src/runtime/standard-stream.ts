import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';

/** stdout or stderr, of which it is known in the end whether all was taken. */
export class StandardStream {
  /** Nothing is written any more: nobody reads it (EPIPE), or it took not all. */
  #ended = false;
  #failure: NodeJS.ErrnoException | undefined;
  #onClosed: (() => void) | undefined;

  readonly #stream: (NodeJS.WritableStream | Socket) & { readonly fd: number };

  constructor(stream: (NodeJS.WritableStream | Socket) & { readonly fd: number }) {
    this.#stream = stream;
    // Without a listener an error would end the process, also one of what writes to the stream itself.
    stream.on('error', (error: NodeJS.ErrnoException) => this.#end(error));
  }

  /** Why not all was taken. That nobody reads is no failure. */
  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure;
  }

  /** Called when nobody reads any more (`| head`). */
  onClosed(closed: () => void): void {
    this.#onClosed = closed;
  }

  write(chunk: Uint8Array | string): void {
    if (this.#ended) return;
    if (this.#stream instanceof Socket) {
      this.#stream.write(chunk);
      return;
    }
    // A file or a device. Node's own stream takes a short write, with which a disk becomes full, for a whole one.
    try {
      writeFileSync(this.#stream.fd, chunk);
    } catch (error) {
      this.#end(error as NodeJS.ErrnoException);
    }
  }

  /** Writes, and waits until more can be taken. @returns false when nothing more is taken */
  async pour(chunk: Uint8Array | string): Promise<boolean> {
    this.write(chunk);
    const stream = this.#stream;
    if (!this.#ended && stream instanceof Socket && stream.writableNeedDrain) await drained(stream);
    return !this.#ended;
  }

  /** Waits until everything was taken, or cannot be. */
  async settled(): Promise<void> {
    // Files have taken it, or not, when `write` returns.
    const stream = this.#stream;
    if (!(stream instanceof Socket)) return;
    if (!stream.destroyed) await new Promise<void>((resolve) => void stream.write('', () => resolve()));
    // The 'error' event of a write comes after its callback.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #end(error: NodeJS.ErrnoException): void {
    if (this.#ended) return;
    this.#ended = true;
    if (error.code === 'EPIPE') this.#onClosed?.();
    else this.#failure = error;
  }
}

function drained(stream: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) stream.on(event, done);
  });
}
