import { Socket } from 'node:net';

import { MessageCheck, NotPostgres } from './message-check.js';

/**
 * The socket under pg, which reads what comes in a listener. There it throws when a message comes while none is due, and
 * nobody could catch that; and it reads some bytes for ever. Here both end the connection, and fail what is under way.
 */
export class GuardedSocket extends Socket {
  readonly #check: MessageCheck | undefined;

  /** @param encrypted the bytes are TLS, which has a check of its own. */
  constructor(encrypted: boolean) {
    super();
    this.#check = encrypted ? undefined : new MessageCheck();
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
