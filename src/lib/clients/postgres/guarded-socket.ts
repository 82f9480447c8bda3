import { Socket, type SocketConstructorOpts } from 'node:net';

import { MessageCheck, NotPostgres } from './message-check.js';

/** So much is read at a time. */
const readBytes = 1 << 18;

/**
 * The socket under pg, which reads what comes in a listener. There it throws when a message comes while none is due, and
 * nobody could catch that; and it reads some bytes for ever. Here both end the connection, and fail what is under way.
 */
export class GuardedSocket extends Socket {
  /**
   * Takes what comes instead of the listeners. The bytes are valid until it returns, and while the socket is paused.
   * Not of an encrypted connection.
   */
  bulk: ((chunk: Buffer) => void) | undefined;
  readonly #check: MessageCheck | undefined;

  /** @param encrypted the bytes are TLS, which has a check of its own. */
  constructor(encrypted: boolean) {
    const onread = { buffer: Buffer.allocUnsafe(readBytes), callback };
    // Node's types know it of `connect` only.
    super((encrypted ? {} : { onread }) as SocketConstructorOpts);
    this.#check = encrypted ? undefined : new MessageCheck();
    // Node calls it without the socket.
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const socket = this;
    function callback(length: number, buffer: Uint8Array): boolean {
      return socket.#read(Buffer.from(buffer.buffer, buffer.byteOffset, length));
    }
  }

  override push(piece: unknown, encoding?: BufferEncoding): boolean {
    try {
      if (Buffer.isBuffer(piece)) this.#check?.feed(piece);
    } catch (error) {
      this.destroy(error as Error);
      return false;
    }
    return super.push(piece, encoding);
  }

  /** @returns whether more is to be read at once */
  #read(chunk: Buffer): boolean {
    if (!this.bulk) return this.push(Buffer.from(chunk));
    this.bulk(chunk);
    return !this.isPaused();
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'data' && event !== 'readable') return super.emit(event, ...args);
    try {
      return super.emit(event, ...args);
    } catch (error) {
      this.destroy(new NotPostgres('a message that cannot be read', { cause: error }));
      return true;
    }
  }
}
