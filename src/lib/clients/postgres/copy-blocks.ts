import type { Connection, Submittable } from 'pg';

import { GuardedSocket } from './guarded-socket.js';
import { NotPostgres } from './message-check.js';

const headerBytes = 5;
const copyData = 0x64;
const copyOutResponse = 0x48;
/** What may come between two rows, and is for pg: notices, parameters, notifications. */
const beside: ReadonlySet<number> = new Set([0x4e, 0x53, 0x41]);

/** Takes whole CopyData messages. While the promise that it may give is open, nothing more comes, and the bytes stay. */
export type TakeBlock = (block: Buffer) => void | Promise<void>;

/**
 * `COPY … TO STDOUT` as the bytes that come from the server. While rows come it is in pg's place at the socket, so that
 * nothing is made for a row and no byte is copied; the rest is pg's.
 */
export class CopyBlocks implements Submittable {
  /** Resolves when the statement has ended and all was taken; rejects with what it, or who took it, failed with. */
  readonly done: Promise<void>;
  /** Resolves when the statement has ended, well or not. */
  readonly over: Promise<void>;
  isOver = false;
  /** On the monotonic clock, in milliseconds: when something came, or was taken, last. */
  heardAt = performance.now();
  /** Whether it is us that the server waits for. */
  isTaking = false;
  readonly #sql: string;
  readonly #take: TakeBlock;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;
  #end!: () => void;
  #stream: Connection['stream'] | undefined;
  #tap: Tap | undefined;
  /** A message that is not whole: so many bytes of it are there. */
  #rest: Buffer = Buffer.alloc(0);
  #filled = 0;
  #taking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(sql: string, take: TakeBlock) {
    this.#sql = sql;
    this.#take = take;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.over = new Promise((resolve) => (this.#end = resolve));
  }

  /** Throws away what is left. */
  stop(): void {
    this.#isStopped = true;
    this.#stream?.resume();
  }

  submit(connection: Connection): void {
    const { stream } = connection;
    this.#stream = stream;
    this.heardAt = performance.now();
    this.#tap = openTap(stream, (chunk) => {
      try {
        this.#read(chunk);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
    connection.query(this.#sql);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#ended();
    // What was taken last may still be under way.
    void this.#taking.then(this.#resolve);
  }

  handleError(error: Error): void {
    this.#ended();
    this.#reject(error);
  }

  #ended(): void {
    this.#tap?.close();
    this.isOver = true;
    this.#end();
  }

  /** @throws NotPostgres */
  #read(chunk: Buffer): void {
    this.heardAt = performance.now();
    const at = this.#filled > 0 ? this.#completeRest(chunk) : 0;
    if (at < chunk.length) this.#readWhole(chunk.subarray(at));
  }

  /** Reads the message of which a part is there. @returns the place in the chunk behind it */
  #completeRest(chunk: Buffer): number {
    let taken = 0;
    const fill = (length: number) => {
      if (length > this.#rest.length) {
        const more = Buffer.allocUnsafe(length);
        this.#rest.copy(more, 0, 0, this.#filled);
        this.#rest = more;
      }
      const missing = Math.min(length - this.#filled, chunk.length - taken);
      if (missing <= 0) return;
      chunk.copy(this.#rest, this.#filled, taken, taken + missing);
      this.#filled += missing;
      taken += missing;
    };
    fill(headerBytes);
    if (this.#filled < headerBytes) return taken;
    const length = lengthOf(this.#rest, 0);
    fill(length);
    if (this.#filled < length) return taken;
    const message = this.#rest;
    this.#rest = Buffer.alloc(0);
    this.#filled = 0;
    this.#readWhole(message);
    return taken;
  }

  #readWhole(bytes: Buffer): void {
    let begin = 0;
    let at = 0;
    while (at + headerBytes <= bytes.length) {
      const type = bytes[at]!;
      const end = at + lengthOf(bytes, at);
      if (type !== copyData) {
        this.#give(bytes.subarray(begin, at));
        begin = at;
        if (type !== copyOutResponse && !beside.has(type)) {
          // Its end, or an error: no more rows come.
          this.#tap!.close();
          this.#tap!.pass(bytes.subarray(at));
          return;
        }
        if (end > bytes.length) break;
        if (type !== copyOutResponse) this.#tap!.pass(bytes.subarray(at, end));
        begin = end;
      } else if (end > bytes.length) break;
      at = end;
    }
    this.#give(bytes.subarray(begin, at));
    this.#rest = Buffer.from(bytes.subarray(at));
    this.#filled = this.#rest.length;
  }

  #give(block: Buffer): void {
    if (block.length === 0 || this.#isStopped) return;
    try {
      const taking = this.isTaking ? this.#taking.then(() => this.#take(block)) : this.#take(block);
      if (taking) this.#wait(taking);
    } catch (error) {
      this.#reject(error);
    }
  }

  /** Nothing more is read until then. */
  #wait(taking: Promise<void>): void {
    this.isTaking = true;
    this.#stream!.pause();
    const settled = taking.then(
      () => {
        if (this.#taking !== settled) return;
        this.isTaking = false;
        this.heardAt = performance.now();
        this.#stream!.resume();
      },
      (error: unknown) => this.#reject(error),
    );
    this.#taking = settled;
  }
}

/** @throws NotPostgres */
function lengthOf(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at + 1);
  if (length < 4 || length > 2 ** 30) throw new NotPostgres(`a message of ${length} bytes`);
  return length + 1;
}

/** A place before pg's at the socket. */
interface Tap {
  /** Gives pg what is its own. */
  pass(bytes: Buffer): void;
  close(): void;
}

function openTap(stream: Connection['stream'], take: (chunk: Buffer) => void): Tap {
  if (stream instanceof GuardedSocket) {
    stream.bulk = take;
    return {
      pass: (bytes) => void stream.push(Buffer.from(bytes)),
      close: () => (stream.bulk = undefined),
    };
  }
  const [listener] = stream.listeners('data') as ((chunk: Buffer) => void)[];
  stream.off('data', listener!).on('data', take);
  let isOpen = true;
  return {
    pass: (bytes) => listener!(bytes),
    close() {
      if (isOpen) stream.off('data', take).on('data', listener!);
      isOpen = false;
    },
  };
}
