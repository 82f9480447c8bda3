import type { Clock } from '../../core/clock.js';

/**
 * The API server's clock, worked out from the `Date` of its answers. They say whole seconds, cut off, so each one
 * bounds the offset to about a second; those of many answers overlap in less.
 */
export class ServerClock {
  #low = -Infinity;
  #high = Infinity;
  readonly #start: number;

  constructor(private readonly clock: Clock) {
    // On the monotonic clock: a local clock that is set while a rollout runs moves nothing.
    this.#start = clock.now() - clock.monotonic();
  }

  /** Whole milliseconds since the epoch; this host's own until something was heard. */
  now(): number {
    const local = this.#start + this.clock.monotonic();
    return Math.round(Number.isFinite(this.#low) ? local + (this.#low + this.#high) / 2 : local);
  }

  /** An answer's `Date`, with the monotonic times between which the server wrote it. */
  heard(date: string | undefined, sentAt: number, receivedAt: number): void {
    const server = Date.parse(date ?? '');
    if (Number.isNaN(server)) return;
    const low = server - (this.#start + receivedAt);
    const high = server + 999 - (this.#start + sentAt);
    const overlaps = low <= this.#high && high >= this.#low;
    // No overlap: one of the clocks was set, or they drifted apart. The newest answer is right.
    this.#low = overlaps ? Math.max(this.#low, low) : low;
    this.#high = overlaps ? Math.min(this.#high, high) : high;
  }
}
