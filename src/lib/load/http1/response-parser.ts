import { bytesOf } from '../../core/bytes.js';
import { type Answer, mostBodyBytes } from '../transport.js';
import { type Head, parseHead, ResponseMalformed } from './response-head.js';

const headEnd = Buffer.from('\r\n\r\n');
const LF = 10;
const CR = 13;
/** Bytes of a status line with its headers, and of all trailers. */
const mostHeadBytes = 64 * 1024;
/** Bytes of a chunk's size with its extensions. */
const mostSizeBytes = 4 * 1024;
const mostInterim = 100;
/** The message says so of "it", the server. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

type State =
  'head' | 'length' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers' | 'until-close' | 'done';

/**
 * Reads the answers of one HTTP/1.1 connection, one request at a time (RFC 9112). Strict: what two readers could take for
 * different answers is refused. `expect` begins an answer, `push` gives it bytes.
 */
export class ResponseParser implements Answer {
  /** Of the answer; 0 before its status line was read. */
  status = 0;
  /** Bytes of the answer so far, with its head and interim answers. */
  bytes = 0;
  /** Whether the connection may be used again. */
  keepAlive = false;
  /** Bytes that came behind the end of the answer, which nobody asked for. */
  left = 0;
  #state: State = 'done';
  #headOnly = false;
  #remaining = 0;
  #interim = 0;
  /** What came of a head, of a chunk's size or of trailers without its end. */
  #partial: Buffer | undefined;
  /** Answers of one server mostly begin alike: the last head with its end, as it came. */
  #headBytes = Buffer.alloc(0);
  #head: Head | undefined;
  #body: Buffer[] | undefined;

  /** @param keepsBody whether `body` is wanted */
  expect(method: string, keepsBody: boolean): void {
    this.status = 0;
    this.bytes = 0;
    this.left = 0;
    this.#interim = 0;
    this.#partial = undefined;
    this.#headOnly = method === 'HEAD';
    this.#body = keepsBody ? [] : undefined;
    this.#state = 'head';
  }

  /** Of the answer's head, after its end: names in lower case. */
  get headers(): ReadonlyMap<string, string> {
    return this.#head?.headers ?? new Map();
  }

  /** Without the framing of chunks. */
  get body(): Buffer | undefined {
    return this.#body && Buffer.concat(this.#body);
  }

  /**
   * @param buffer may be used again by the caller
   * @param length of what came in it
   * @returns whether the answer is whole; `left` says what came behind it
   * @throws ResponseMalformed, BodyTooLarge
   */
  push(buffer: Buffer, length = buffer.length): boolean {
    return this.#isLikeTheLast(buffer, length) || this.#read(buffer.subarray(0, length));
  }

  /** Takes a whole answer that came at once and has the last one's head, without reading that. */
  #isLikeTheLast(buffer: Buffer, length: number): boolean {
    const [head, known] = [this.#head, this.#headBytes];
    if (
      head === undefined ||
      this.#state !== 'head' ||
      this.bytes > 0 ||
      this.#headOnly ||
      this.#body !== undefined ||
      !hasBody(head.status) ||
      typeof head.framing !== 'number' ||
      known.length + head.framing !== length ||
      known.compare(buffer, 0, known.length) !== 0
    )
      return false;
    this.status = head.status;
    this.keepAlive = head.keepAlive;
    this.bytes = length;
    this.#state = 'done';
    return true;
  }

  #read(chunk: Buffer): boolean {
    const bytes = this.#partial ? Buffer.concat([this.#partial, chunk]) : chunk;
    const known = this.#partial?.length ?? 0;
    this.#partial = undefined;
    let at = 0;
    for (;;) {
      const begun = at;
      switch (this.#state) {
        case 'head':
          at = this.#readHead(bytes, at, known);
          break;
        case 'length':
        case 'chunk-data': {
          const part = Math.min(this.#remaining, bytes.length - at);
          if (part > 0) this.#keep(bytes, at, at + part);
          at += part;
          this.#remaining -= part;
          if (this.#remaining === 0) this.#state = this.#state === 'length' ? 'done' : 'chunk-end';
          break;
        }
        case 'chunk-size':
          at = this.#readChunkSize(bytes, at);
          break;
        case 'chunk-end':
          if (bytes.length - at >= 2) {
            if (bytes[at] !== CR || bytes[at + 1] !== LF)
              throw new ResponseMalformed('a chunk is longer than its size');
            at += 2;
            this.#state = 'chunk-size';
          }
          break;
        case 'trailers':
          at = this.#readTrailer(bytes, at);
          break;
        case 'until-close':
          if (at < bytes.length) this.#keep(bytes, at, bytes.length);
          at = bytes.length;
          break;
        case 'done':
          this.left = bytes.length - at;
          this.bytes += at - known;
          return true;
      }
      if (at === begun && (this.#state as State) !== 'done') {
        if (at < bytes.length) this.#partial = Buffer.from(bytes.subarray(at));
        this.bytes += bytes.length - known;
        return false;
      }
    }
  }

  /** The server closed the connection. @returns whether that was the answer's end */
  end(): boolean {
    if (this.#state !== 'until-close') return false;
    this.#state = 'done';
    return true;
  }

  #readHead(bytes: Buffer, at: number, known: number): number {
    const end = bytes.indexOf(headEnd, Math.max(at, known - 3));
    if (end < 0) {
      refuseWhatNeverEnds(bytes, at);
      return at;
    }
    if (end - at > mostHeadBytes) throw new ResponseMalformed('its head is longer than 64 KiB');
    const next = end + headEnd.length;
    if (!this.#head || this.#headBytes.compare(bytes, at, next) !== 0) {
      this.#head = parseHead(bytesOf(bytes, at, end));
      this.#headBytes = Buffer.from(bytes.subarray(at, next));
    }
    const { status, framing, keepAlive } = this.#head;
    if (status < 200) {
      if (status === 101) throw new ResponseMalformed('it switches to a protocol that nobody asked for');
      if (++this.#interim > mostInterim) throw new ResponseMalformed('it has more than 100 interim answers');
      return next;
    }
    this.status = status;
    this.keepAlive = keepAlive;
    this.#remaining = 0;
    if (this.#headOnly || !hasBody(status)) this.#state = 'done';
    else if (framing === 'chunked') this.#state = 'chunk-size';
    else if (framing === 'until-close') {
      this.keepAlive = false;
      this.#state = 'until-close';
    } else {
      this.#remaining = framing;
      this.#state = framing === 0 ? 'done' : 'length';
    }
    return next;
  }

  #keep(bytes: Buffer, begin: number, end: number): void {
    if (!this.#body) return;
    if (this.bytes + end > mostBodyBytes)
      throw new BodyTooLarge('its answer is longer than the 16 MiB that are read of one');
    this.#body.push(Buffer.from(bytes.subarray(begin, end)));
  }

  #readChunkSize(bytes: Buffer, at: number): number {
    const line = lineAt(bytes, at, mostSizeBytes);
    if (line === undefined) return at;
    const [, size] = /^([0-9a-f]{1,13})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i.exec(line) ?? [];
    if (size === undefined) throw new ResponseMalformed('the size of a chunk is not a hexadecimal number');
    this.#remaining = parseInt(size, 16);
    this.#state = this.#remaining === 0 ? 'trailers' : 'chunk-data';
    return at + line.length + 2;
  }

  #readTrailer(bytes: Buffer, at: number): number {
    const line = lineAt(bytes, at, mostHeadBytes);
    if (line === undefined) return at;
    if (line === '') this.#state = 'done';
    else parseHead(`HTTP/1.1 200 \r\n${line}`);
    return at + line.length + 2;
  }
}

/** Whether an answer to anything but HEAD has one (RFC 9112, 6.3). */
function hasBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}

/** The line that begins there, without its end; undefined when its end is not there yet. @throws ResponseMalformed */
function lineAt(bytes: Buffer, at: number, most: number): string | undefined {
  const end = bytes.indexOf(LF, at);
  if (end < 0 ? bytes.length - at > most : end - at > most) throw new ResponseMalformed('a line is too long');
  if (end < 0) return undefined;
  if (bytes[end - 1] !== CR || end === at)
    throw new ResponseMalformed('a line ends without a carriage return');
  return bytesOf(bytes, at, end - 1);
}

/** A head that is not whole yet: refused as soon as it cannot become one. @throws ResponseMalformed */
function refuseWhatNeverEnds(bytes: Buffer, at: number): void {
  if (bytes.length - at > mostHeadBytes) throw new ResponseMalformed('its head is longer than 64 KiB');
  const begin = bytesOf(bytes, at, Math.min(bytes.length, at + 7));
  if (!'HTTP/1.'.startsWith(begin)) throw new ResponseMalformed('it is not HTTP/1');
  for (let lf = bytes.indexOf(LF, at); lf >= 0; lf = bytes.indexOf(LF, lf + 1))
    if (bytes[lf - 1] !== CR) throw new ResponseMalformed('a line ends without a carriage return');
}
