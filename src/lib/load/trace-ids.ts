import { randomBytes } from 'node:crypto';

const perBlock = 4096;
const endings = Array.from({ length: perBlock }, (_, i) => i.toString(16).padStart(3, '0'));

/** Trace ids of one thread: random, and then counted, so that one more costs next to nothing. */
export class TraceIds {
  /** 16 random digits, of which no other thread has the same. */
  readonly #thread = randomBytes(8).toString('hex');
  #block = '';
  #issued = 0;

  /** 32 hexadecimal digits. */
  next(): string {
    const ending = this.#issued % perBlock;
    if (ending === 0)
      this.#block = this.#thread + (this.#issued / perBlock + 1).toString(16).padStart(13, '0');
    this.#issued++;
    return this.#block + endings[ending]!;
  }
}

/** The value of `traceparent`, sampled (W3C Trace Context, 3.2). The thread's digits are the parent, of all its requests. */
export function traceparentOf(traceId: string): string {
  return `00-${traceId}-${traceId.slice(0, 16)}-01`;
}
