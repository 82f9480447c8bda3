import { SearchRefusal } from '../../clients/search/refusal.js';
import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { HttpFailure } from '../../http/failure.js';

const pauseMs = 500;

/** Tries again what fails because nodes are down or busy, until nothing has succeeded for `stallMs`. */
export class Patience {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #waiting: (reason: string) => void;
  #lastSuccess: number;

  /** @param waiting called when something failed for the first time since the last success */
  constructor(clock: Clock, stallMs: number, waiting: (reason: string) => void) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#waiting = waiting;
    this.#lastSuccess = clock.monotonic();
  }

  /** Something went well. */
  progressed(): void {
    this.#lastSuccess = this.#clock.monotonic();
  }

  async retry<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const outcome = await work();
        this.progressed();
        return outcome;
      } catch (error) {
        const isOver = this.#clock.monotonic() - this.#lastSuccess > this.#stallMs;
        if (signal.aborted || !passes(error) || isOver) throw error;
        if (attempt === 1) this.#waiting((error as Error).message);
        await this.#clock.sleep(pauseMs, signal);
      }
    }
  }
}

const passing = new Set([429, 500, 502, 503, 504]);

/** Whether the same may succeed later. */
export function passes(error: unknown): boolean {
  if (error instanceof HttpFailure) return error.kind !== 'tls' && error.kind !== 'too-large';
  if (error instanceof ServiceUnavailable) return true;
  // A point in time is gone with its node.
  return (
    error instanceof SearchRefusal &&
    (passing.has(error.status) || /search_context_missing|no_such_shard|shard_not_found/.test(error.type))
  );
}
