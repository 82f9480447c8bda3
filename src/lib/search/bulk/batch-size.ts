/** What one request takes, and how many are under way: found out while writing, by latency and by what is refused. */
export class BatchSize {
  #bytes = 1024 * 1024;
  #documents = 2000;
  /** Never lifted: what one request may have does not change during a run. */
  #maxBytes = usualMaxBytes;
  #senders: number;
  #answeredInTurn = 0;

  constructor(readonly maxSenders: number) {
    this.#senders = maxSenders;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get documents(): number {
    return this.#documents;
  }

  /** Requests at once. */
  get senders(): number {
    return this.#senders;
  }

  /** A request was answered, and nothing of it refused for now. */
  answered(ms: number): void {
    if (ms < comfortableMs) this.#scale(1.5);
    else if (ms > slowMs) this.#scale(0.5);
    this.#answeredInTurn++;
    if (this.#answeredInTurn < 8) return;
    this.#answeredInTurn = 0;
    this.#senders = Math.min(this.maxSenders, this.#senders + 1);
  }

  /** The server has too much to do. */
  refused(): void {
    this.#answeredInTurn = 0;
    this.#senders = Math.max(1, this.#senders - 1);
    this.#scale(0.7);
  }

  /** A request of so many bytes is longer than the server takes. */
  tooLarge(bytes: number): void {
    this.#maxBytes = Math.max(minBytes, Math.min(this.#maxBytes, Math.floor(bytes / 2)));
    this.#scale(1);
  }

  #scale(factor: number): void {
    this.#bytes = Math.max(minBytes, Math.min(this.#maxBytes, Math.round(this.#bytes * factor)));
    this.#documents = Math.max(50, Math.min(10_000, Math.round(this.#documents * factor)));
  }
}

/** Longer requests are no faster, and are held in memory by both sides. */
const usualMaxBytes = 4 * 1024 * 1024;
const minBytes = 16 * 1024;
const comfortableMs = 1500;
const slowMs = 5000;
