import type { Clock } from '../core/clock.js';

/** Lets a maximum of `perSecond` items through each second, evenly, without catching up on lost time. */
export class Pace {
  readonly #perSecond: number | undefined;
  readonly #clock: Clock;
  #next: number;

  constructor(perSecond: number | undefined, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#next = clock.monotonic();
  }

  /** How many items may be taken at once so that the pace stays even: about a twentieth of a second's worth. */
  get portion(): number {
    return this.#perSecond === undefined ? Infinity : Math.max(1, Math.floor(this.#perSecond / 20));
  }

  /** Waits until `count` items may go. @throws the signal's reason. */
  async take(count: number, signal: AbortSignal): Promise<void> {
    if (this.#perSecond === undefined) return;
    const now = this.#clock.monotonic();
    this.#next = Math.max(this.#next, now - 50);
    const wait = this.#next - now;
    this.#next += (count / this.#perSecond) * 1000;
    if (wait > 0) await this.#clock.sleep(wait, signal);
  }
}
