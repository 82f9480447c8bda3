import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable, UserError } from '../../core/errors.js';
import type { KeyedLevel } from '../keyed-level.js';

const pauseMs = 50;

/** The Redis level without the others, and without giving up in a failover. */
export class RedisAlone {
  readonly #level: KeyedLevel | undefined;
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  constructor(levels: readonly { level: KeyedLevel }[], timeoutMs: number, clock: Clock) {
    this.#level = levels.find(({ level }) => level.type === 'redis')?.level;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** Repeats the work, which must be idempotent, while Redis is away. @throws ServiceUnavailable, UserError. */
  async persist<T>(work: (level: KeyedLevel) => Promise<T>): Promise<T> {
    if (!this.#level) throw new UserError('this cache has no Redis level', { code: 'LEVEL_MISSING' });
    const deadline = this.#clock.monotonic() + this.#timeoutMs;
    for (;;) {
      try {
        return await work(this.#level);
      } catch (error) {
        if (!(error instanceof ServiceUnavailable) || this.#clock.monotonic() >= deadline) throw error;
        await this.#clock.sleep(pauseMs);
      }
    }
  }
}
