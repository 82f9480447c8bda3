import type { Connection, Submittable } from 'pg';

import { NotPostgres } from './message-check.js';

const headerBytes = 5;
const copyData = 0x64;
/** What may come between two rows, and is for pg: notices, parameters, notifications. */
const beside: ReadonlySet<number> = new Set([0x4e, 0x53, 0x41]);
const copyOutResponse = 0x48;
/** Bytes that wait for the reader before the server is made to wait. */
const mostWaiting = 1 << 20;

/**
 * `COPY … TO STDOUT` as the bytes that come from the server: blocks of whole CopyData messages. It takes pg's place at the
 * socket while rows come, so that nothing is made for a row, and gives the rest to pg.
 */
export class CopyBlocks implements Submittable {
  readonly #sql: string;
  readonly #blocks: Buffer[] = [];
  #waiting = 0;
  /** Of a message that is not whole. */
  #rest: Buffer | undefined;
  #connection: Connection | undefined;
  #isOver = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #release: (() => void) | undefined;

  constructor(sql: string) {
    this.#sql = sql;
  }

  /** The statement has ended, well or not. */
  get over(): boolean {
    return this.#isOver;
  }

  /** @returns undefined at the end. @throws what the server or the connection failed with */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const block = this.#blocks.shift();
      if (block) {
        this.#waiting -= block.length;
        if (this.#waiting <= mostWaiting / 2) this.#connection?.stream.resume();
        return block;
      }
      if (this.#isOver) {
        if (this.#failure) throw this.#failure;
        return undefined;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Throws away what is left. @returns when the statement has ended, well or not */
  async drain(): Promise<void> {
    try {
      while ((await this.next()) !== undefined);
    } catch {
      // Whoever drains knows already that it failed.
    }
  }

  submit(connection: Connection): void {
    this.#connection = connection;
    const { stream } = connection;
    const [listener] = stream.listeners('data') as ((chunk: Buffer) => void)[];
    const take = (chunk: Buffer) => {
      try {
        this.#take(chunk, listener!);
      } catch (error) {
        stream.destroy(error as Error);
      }
    };
    this.#release = () => {
      stream.off('data', take).on('data', listener!);
      this.#release = undefined;
    };
    stream.off('data', listener!).on('data', take);
    connection.query(this.#sql);
  }

  handleError(error: Error): void {
    this.#failure ??= error;
    this.#end();
  }

  handleReadyForQuery(): void {
    this.#end();
  }

  handleCommandComplete(): void {}

  #end(): void {
    this.#release?.();
    this.#isOver = true;
    this.#wake?.();
  }

  /** @throws NotPostgres */
  #take(chunk: Buffer, pg: (chunk: Buffer) => void): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    let begin = 0;
    let at = 0;
    while (at + headerBytes <= bytes.length) {
      const type = bytes[at]!;
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (end < at + headerBytes) throw new NotPostgres('a message that is shorter than its length');
      if (type === copyData) {
        if (end > bytes.length) break;
        at = end;
        continue;
      }
      if (type !== copyOutResponse && !beside.has(type)) {
        // Its end, or an error: no more rows come.
        this.#give(bytes.subarray(begin, at));
        this.#release!();
        pg(bytes.subarray(at));
        return;
      }
      if (end > bytes.length) break;
      this.#give(bytes.subarray(begin, at));
      if (type !== copyOutResponse) pg(bytes.subarray(at, end));
      begin = at = end;
    }
    this.#give(bytes.subarray(begin, at));
    if (at < bytes.length) this.#rest = bytes.subarray(at);
  }

  #give(block: Buffer): void {
    if (block.length === 0) return;
    this.#blocks.push(block);
    this.#waiting += block.length;
    if (this.#waiting > mostWaiting) this.#connection!.stream.pause();
    this.#wake?.();
  }
}
