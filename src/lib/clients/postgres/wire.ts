import { createConnection } from 'node:net';
import type { ClientBase } from 'pg';
import type { CopyToStreamQuery } from 'pg-copy-streams';
import type { PostgresTarget } from './target.js';

/** Reads COPY's data a chunk at a time. An error that comes between two reads is kept for the next one. */
export class CopyReader {
  #failure: Error | undefined;
  #ended = false;

  constructor(private readonly stream: CopyToStreamQuery) {
    stream.on('error', (error: Error) => (this.#failure ??= error));
    stream.on('end', () => (this.#ended = true));
  }

  /** The statement has ended, well or not. */
  get over(): boolean {
    return this.#ended || this.#failure !== undefined;
  }

  /** `undefined` at the end. */
  next(): Promise<Buffer | undefined> {
    const { stream } = this;
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        stream.off('readable', attempt).off('end', attempt).off('error', attempt);
        settle();
      };
      const attempt = () => {
        if (this.#failure) return finish(() => reject(this.#failure!));
        if (this.#ended) return finish(() => resolve(undefined));
        const chunk = stream.read() as Buffer | null;
        if (chunk !== null) finish(() => resolve(chunk));
      };
      stream.on('readable', attempt).on('end', attempt).on('error', attempt);
      attempt();
    });
  }

  /** Throws away what is left; resolves when the statement has ended, well or not. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      if (this.over) return resolve();
      this.stream.once('end', resolve).once('error', () => resolve());
      this.stream.removeAllListeners('readable').resume();
    });
  }
}

/** What pg keeps to itself and we need: the key to cancel with, and the socket of a server that hangs. */
interface Internals {
  processID: number | null;
  secretKey: number | null;
  connection: { stream: { destroy(): void } };
}

export function destroyConnection(client: ClientBase): void {
  (client as unknown as Internals).connection.stream.destroy();
}

/**
 * Asks the server, over a connection of its own as the protocol wants it, to cancel what this client is running.
 * Resolves when the server has taken the request, so that it cannot hit the statement after.
 */
export function cancelRequest(client: ClientBase, target: PostgresTarget, timeoutMs: number): Promise<void> {
  const { processID, secretKey } = client as unknown as Internals;
  if (processID === null || secretKey === null) return Promise.resolve();
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  const socket = target.host.startsWith('/')
    ? createConnection(`${target.host}/.s.PGSQL.${target.port}`)
    : createConnection(target.port, target.host);
  return new Promise((resolve) => {
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on('error', () => {}).on('close', () => resolve());
    socket.on('connect', () => socket.write(request)).resume();
  });
}

/** Whether the work settles, well or not, in that time. */
export async function settledWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const settled = work.then(
    () => true,
    () => true,
  );
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
