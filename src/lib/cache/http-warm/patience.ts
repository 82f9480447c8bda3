import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';

const longestPauseMs = 30_000;
const longestThrottlingMs = 300_000;

/** How all requests of a run get on with their server together: when to hold back, and when to give up. */
export class Patience {
  #notBefore = 0;
  #answered = false;
  #downSince: number | undefined;
  #throttledSince: number | undefined;
  #throttles = 0;

  constructor(
    private readonly target: string,
    /** A server may be silent for so long. */
    private readonly awayMs: number,
    private readonly clock: Clock,
  ) {}

  /** Waits until requests may go. @throws the signal's reason. */
  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      const wait = this.#notBefore - this.clock.monotonic();
      if (wait <= 0) return;
      await this.clock.sleep(wait, signal);
    }
  }

  /** An answer came, and none that tells us to slow down. */
  answered(): void {
    this.#answered = true;
    this.#downSince = this.#throttledSince = undefined;
    this.#throttles = 0;
  }

  /**
   * The server asks for a pause, which all requests keep.
   * @param askedMs its `Retry-After`, in milliseconds
   * @throws ServiceUnavailable `THROTTLED` when it has said nothing else for five minutes.
   */
  throttled(askedMs: number | undefined): void {
    const now = this.clock.monotonic();
    this.#answered = true;
    this.#downSince = undefined;
    this.#throttledSince ??= now;
    if (now - this.#throttledSince > longestThrottlingMs)
      throw new ServiceUnavailable(
        `${this.target} has answered nothing but 429 and 503 for ${formatDuration(longestThrottlingMs)}`,
        { code: 'THROTTLED', hint: 'Run again later, with a lower --rate.' },
      );
    const pause = askedMs ?? 1000 * 2 ** Math.min(this.#throttles++, 5);
    this.#notBefore = Math.max(this.#notBefore, now + Math.min(pause, longestPauseMs));
  }

  /**
   * No answer came. Nobody there at the very first request is not waited for.
   * @param startedAt when that request was sent
   * @param refused no connection could be made
   * @throws ServiceUnavailable when that has been so for too long.
   */
  failed(startedAt: number, refused: boolean, why: string): void {
    const now = this.clock.monotonic();
    this.#downSince = Math.min(this.#downSince ?? startedAt, startedAt);
    const limit = refused && !this.#answered ? 0 : this.awayMs;
    if (now - this.#downSince >= limit)
      throw new ServiceUnavailable(`${this.target} cannot be reached: ${why}`, {
        hint: this.#answered ? 'It answered before, and then stayed away.' : 'Check --url.',
      });
    if (refused) this.#notBefore = Math.max(this.#notBefore, now + 200);
  }
}
