import { MessageChannel, type MessagePort } from 'node:worker_threads';

import type { RecordedRequest } from './recording.js';

/** A part of a thread's share. The thread answers each with a message when it begins with it. */
export type Batch = readonly RecordedRequest[];

/** The end of a thread's share, and when the recording ends: in milliseconds from its beginning. */
export interface End {
  readonly endMs: number;
}

/** What is dealt. */
export interface Recording {
  requests(signal: AbortSignal): AsyncIterable<readonly RecordedRequest[]>;
  /** Milliseconds from its beginning to the end of what was read. */
  endMs(): number;
}

const batchSize = 500;
/** Batches that a thread has not begun with: up to 10,000 requests, so that a pause of the dealer makes nothing late. */
const mostAhead = 20;

/** Deals the requests of a recording to threads in turn, a bounded number ahead of their times. */
export class Dealer {
  /** The threads' ends, to be transferred. */
  readonly ports: readonly MessagePort[];
  readonly #recording: Recording;
  readonly #hands: readonly Hand[];
  readonly #rest: AsyncIterator<readonly RecordedRequest[]>;
  #batch: IteratorResult<readonly RecordedRequest[]>;
  #next = 0;

  /** Reads the first requests, so that they can be in time. @throws what the recording throws until then */
  static async open(recording: Recording, threads: number, signal: AbortSignal): Promise<Dealer> {
    const rest = recording.requests(signal)[Symbol.asyncIterator]();
    return new Dealer(recording, await rest.next(), rest, threads);
  }

  private constructor(
    recording: Recording,
    first: IteratorResult<readonly RecordedRequest[]>,
    rest: AsyncIterator<readonly RecordedRequest[]>,
    threads: number,
  ) {
    this.#recording = recording;
    this.#batch = first;
    this.#rest = rest;
    const channels = Array.from({ length: threads }, () => new MessageChannel());
    this.ports = channels.map(({ port2 }) => port2);
    this.#hands = channels.map(({ port1 }) => new Hand(port1));
  }

  /** Resolves when all is dealt, or the recording broke off: what was dealt until then is sent. */
  async run(): Promise<void> {
    try {
      while (!this.#batch.done) {
        await this.#deal(this.#batch.value);
        this.#batch = await this.#rest.next();
      }
    } catch {
      // The recording knows why, and whoever opened it asks.
    }
    for (const hand of this.#hands) hand.end(this.#recording.endMs());
  }

  async #deal(requests: readonly RecordedRequest[]): Promise<void> {
    for (const request of requests) {
      const hand = this.#hands[this.#next]!;
      this.#next = (this.#next + 1) % this.#hands.length;
      if (hand.add(request)) await hand.hasRoom();
    }
  }
}

/** What one thread gets. */
class Hand {
  readonly #port: MessagePort;
  #batch: RecordedRequest[] = [];
  #ahead = 0;
  #isOpen = true;
  #changed: () => void = () => {};

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', () => {
      this.#ahead--;
      this.#changed();
    });
    // The thread is done, or died; what it does not take is not sent by anybody.
    port.on('close', () => {
      this.#isOpen = false;
      this.#changed();
    });
  }

  /** @returns whether that completed a batch */
  add(request: RecordedRequest): boolean {
    this.#batch.push(request);
    if (this.#batch.length < batchSize) return false;
    this.#send();
    return true;
  }

  async hasRoom(): Promise<void> {
    while (this.#isOpen && this.#ahead >= mostAhead)
      await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  end(endMs: number): void {
    if (this.#batch.length > 0) this.#send();
    this.#port.postMessage({ endMs } satisfies End);
  }

  #send(): void {
    this.#port.postMessage(this.#batch satisfies Batch);
    this.#ahead++;
    this.#batch = [];
  }
}
