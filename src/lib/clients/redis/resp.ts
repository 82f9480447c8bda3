import { bytesOf, type ByteString } from '../../core/bytes.js';
import { explanation, type UserError } from '../../core/errors.js';
import { excerpt } from '../../http/excerpt.js';

/** An error answered by Redis; in pipelines it is a value like any other reply. */
export class RedisError extends Error {
  override readonly name = 'RedisError';
  /** Of the command that was answered so, when it is thrown. */
  [explanation]?: UserError;
  /** The first word: `MOVED`, `OOM`, `WRONGTYPE`, … */
  get code(): string {
    return this.message.split(' ', 1)[0]!;
  }
}

/** RESP2: bulk and simple strings are byte strings alike. */
export type Reply = ByteString | number | null | RedisError | Reply[];

/** A part of a command: bytes, a word of Redis, or a number. Text goes through `toBytes`. */
export type CommandPart = ByteString | Uppercase<string> | `${number}` | `${bigint}`;

/** A command as an array of bulk strings: to be sent as it is. */
export function encodeCommand(args: readonly CommandPart[]): string {
  let text = `*${args.length}\r\n`;
  for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`;
  return text;
}

const CR = 13;
const LF = 10;
/** More than a Redis answers by default (proto-max-bulk-len), and as much as a string of V8 can hold. */
const longestBulk = 2 ** 29 - 25;
/** Items that a reply may have, and how long a line may be: past them nobody waits for the rest. */
const longestArray = 2 ** 27;
const longestLine = 64 * 1024;
const incomplete = Symbol('incomplete');

/** What came is not RESP2: nothing that follows can be read either. */
export class NotResp extends Error {
  override readonly name = 'NotResp';
}

/** Incremental RESP2 parser: feed it chunks, it calls back once for each whole reply. */
export class RespParser {
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Chunks waiting until a long bulk string is complete, so that it is joined once. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #needed = 0;
  readonly #shortBytes = new Int32Array(256);
  readonly #shortTexts: string[] = Array.from({ length: 256 }, () => '');
  readonly #open: { items: Reply[]; left: number }[] = [];

  constructor(private readonly onReply: (reply: Reply) => void) {}

  /** @throws NotResp */
  feed(chunk: Buffer): void {
    if (this.#needed > 0) {
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
      if (this.#waitingBytes < this.#needed) return;
      this.#buffer = Buffer.concat(this.#waiting);
      this.#waiting = [];
      this.#waitingBytes = this.#needed = 0;
    } else {
      this.#buffer =
        this.#at < this.#buffer.length ? Buffer.concat([this.#buffer.subarray(this.#at), chunk]) : chunk;
    }
    this.#at = 0;
    for (;;) {
      const reply = this.#next();
      if (reply === incomplete) break;
      this.#deliver(reply);
    }
    if (this.#needed > 0) {
      const rest = this.#buffer.subarray(this.#at);
      this.#waiting = [rest];
      this.#waitingBytes = rest.length;
    }
  }

  /** A finished element: a reply, or the next item of the innermost open array. */
  #deliver(element: Reply): void {
    let value = element;
    for (;;) {
      const parent = this.#open.at(-1);
      if (parent === undefined) {
        this.onReply(value);
        return;
      }
      parent.items.push(value);
      if (--parent.left > 0) return;
      this.#open.pop();
      value = parent.items;
    }
  }

  /** Up to three bytes, mostly names of fields that come again and again. */
  #short(start: number, length: number): string {
    let bytes = length;
    for (let i = 0; i < length; i++) bytes = (bytes << 8) | this.#buffer[start + i]!;
    const slot = (bytes ^ (bytes >>> 7)) & 255;
    if (this.#shortBytes[slot] !== bytes) {
      this.#shortBytes[slot] = bytes;
      this.#shortTexts[slot] = bytesOf(this.#buffer, start, start + length);
    }
    return this.#shortTexts[slot]!;
  }

  #next(): Reply | typeof incomplete {
    for (;;) {
      const buffer = this.#buffer;
      const start = this.#at;
      if (start >= buffer.length) return incomplete;
      const type = buffer[start]!;
      // "+OK" is most of what a bulk write reads.
      if (
        type === 43 &&
        start + 4 < buffer.length &&
        buffer[start + 1] === 79 &&
        buffer[start + 2] === 75 &&
        buffer[start + 3] === CR &&
        buffer[start + 4] === LF
      ) {
        this.#at = start + 5;
        return 'OK' as ByteString;
      }
      let end = start + 1;
      let number = 0;
      if (type === 43 || type === 45) {
        end = buffer.indexOf(CR, end);
        if (end < 0 || end + 1 >= buffer.length) {
          if (buffer.length - start > longestLine) throw notResp(buffer, start);
          return incomplete;
        }
        if (buffer[end + 1] !== LF) throw notResp(buffer, start);
        this.#at = end + 2;
        const text = bytesOf(buffer, start + 1, end);
        return type === 43 ? text : new RedisError(text);
      }
      if (type !== 58 && type !== 36 && type !== 42) throw notResp(buffer, start);
      const negative = buffer[end] === 45;
      if (negative) end++;
      for (; end < buffer.length && buffer[end] !== CR; end++) {
        const digit = buffer[end]! - 48;
        if (digit < 0 || digit > 9) throw notResp(buffer, start);
        number = number * 10 + digit;
      }
      if (end + 1 >= buffer.length) return incomplete;
      if (buffer[end + 1] !== LF || end === start + 1) throw notResp(buffer, start);
      end += 2;
      if (type === 58) {
        this.#at = end;
        return negative ? -number : number;
      }
      if (negative) {
        this.#at = end;
        return null;
      }
      if (number > (type === 36 ? longestBulk : longestArray)) throw notResp(buffer, start);
      if (type === 36) {
        if (end + number + 2 > buffer.length) {
          this.#needed = end - start + number + 2;
          return incomplete;
        }
        if (buffer[end + number] !== CR || buffer[end + number + 1] !== LF) throw notResp(buffer, start);
        this.#at = end + number + 2;
        return number > 3 ? bytesOf(buffer, end, end + number) : (this.#short(end, number) as ByteString);
      }
      this.#at = end;
      if (number === 0) return [];
      this.#open.push({ items: [], left: number });
    }
  }
}

function notResp(buffer: Buffer, start: number): NotResp {
  return new NotResp(excerpt(buffer.toString('latin1', start, start + 120), 40));
}
