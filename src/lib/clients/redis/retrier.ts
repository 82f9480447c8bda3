import { systemClock } from '../../core/clock.js';
import { formatDuration } from '../../core/units.js';
import { ServiceUnavailable, type UserError } from '../../core/errors.js';
import { RedisError, type Reply } from './resp.js';

/** Answers that say that a command was not carried out, and may be elsewhere or a little later. */
const passing = new Set(['MOVED', 'ASK', 'TRYAGAIN', 'CLUSTERDOWN', 'LOADING', 'MASTERDOWN', 'READONLY']);

export function isPassing(reply: Reply): reply is RedisError {
  return reply instanceof RedisError && passing.has(reply.code);
}

const firstPauseMs = 25;
const longestPauseMs = 500;

/**
 * How often, and for how long, a Redis that is away is asked again: one rule for everything that waits for a restart, a
 * failover or a slot on its way. The patience counts from the first failure, so that a time-out that was waited for is
 * followed by at least one more attempt.
 */
export class Retrier {
  #attempt = 0;
  #deadline: number | undefined;

  /** @param patienceMs from the first failure, or the first one after the last success, on. */
  constructor(
    readonly patienceMs: number,
    private readonly signal: AbortSignal,
  ) {}

  /** Something got through. */
  succeeded(): void {
    this.#attempt = 0;
    this.#deadline = undefined;
  }

  /**
   * Waits before the next attempt, longer each time.
   * @throws ServiceUnavailable `problem` when the patience has ended; the signal's reason.
   */
  async pause(problem: UserError): Promise<void> {
    this.signal.throwIfAborted();
    const now = systemClock.monotonic();
    this.#deadline ??= now + this.patienceMs;
    if (now > this.#deadline) throw problem;
    const pauseMs = Math.min(firstPauseMs * 2 ** this.#attempt++, longestPauseMs);
    await systemClock.sleep(pauseMs, this.signal);
  }
}

/** What a run says whose patience has ended. */
export function stayedAway(target: string, patienceMs: number, problem?: Error): ServiceUnavailable {
  return new ServiceUnavailable(
    `Redis at ${target} stayed away for ${formatDuration(patienceMs)}${problem ? `: ${problem.message}` : ''}`,
    { hint: 'What was written stays. requestTimeout sets how long to wait.' },
  );
}
