import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';

/** stdout or stderr, of which it is known in the end whether all was taken. */
export class StandardStream {
  /** Nothing is written any more: nobody reads it (EPIPE), or it took not all. */
  #ended = false;
  #failure: NodeJS.ErrnoException | undefined;
  #onClosed: (() => void) | undefined;

  constructor(private readonly stream: (NodeJS.WritableStream | Socket) & { readonly fd: number }) {
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

  write(text: string): void {
    if (this.#ended) return;
    if (this.stream instanceof Socket) {
      this.stream.write(text);
      return;
    }
    // A file or a device. Node's own stream takes a short write, with which a disk becomes full, for a whole one.
    try {
      writeFileSync(this.stream.fd, Buffer.from(text));
    } catch (error) {
      this.#end(error as NodeJS.ErrnoException);
    }
  }

  /** Waits until everything was taken, or cannot be. */
  async settled(): Promise<void> {
    // Files have taken it, or not, when `write` returns.
    const { stream } = this;
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
