import { Socket } from 'node:net';

/** Bytes that pg could not make sense of. */
export class NotPostgres extends Error {
  override readonly name = 'NotPostgres';
}

/**
 * The socket under pg, which reads what comes in a listener and throws there when it is not the protocol, or a message at
 * a time when none is due. Nobody could catch that: here it ends the connection, and fails what is under way.
 */
export class GuardedSocket extends Socket {
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
