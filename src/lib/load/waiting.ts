import type { Exchange } from './transport.js';

/** Exchanges that wait to be sent, first come, first served. */
export class Waiting {
  #exchanges: Exchange[] = [];
  /** What is before it was taken. */
  #first = 0;

  get count(): number {
    return this.#exchanges.length - this.#first;
  }

  add(exchange: Exchange): void {
    this.#exchanges.push(exchange);
  }

  take(): Exchange | undefined {
    if (this.count === 0) return undefined;
    const next = this.#exchanges[this.#first++];
    if (this.#first > 1024 && this.#first * 2 > this.#exchanges.length) {
      this.#exchanges = this.#exchanges.slice(this.#first);
      this.#first = 0;
    }
    return next;
  }

  clear(): void {
    this.#exchanges = [];
    this.#first = 0;
  }
}
