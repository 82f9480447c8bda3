import { ANSWER_TOO_LARGE, HttpFailure } from '../../http/failure.js';
import { passingStatuses, SearchRefusal } from '../../clients/search/refusal.js';
import { systemClock } from '../../core/clock.js';
import type { PageSize } from './page-size.js';

/** How long a page is asked for again, while the server is busy or does not answer. */
export const usualPatienceMs = 30_000;
const firstPauseMs = 100;
const longestPauseMs = 5000;

/**
 * Asks for a page until it comes: the same page again has the same documents. What was too much for the server, or for us, is
 * asked for in smaller pages.
 */
export async function persistently<T>(
  read: () => Promise<T>,
  size: PageSize,
  patienceMs: number,
  signal: AbortSignal,
): Promise<T> {
  const until = systemClock.monotonic() + patienceMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await read();
    } catch (error) {
      signal.throwIfAborted();
      const isTooLarge = error instanceof HttpFailure && error.code === ANSWER_TOO_LARGE;
      if (isTooLarge ? !size.shrink() : !isPassing(error)) throw error;
      if (isTooLarge) continue;
      size.shrink();
      if (systemClock.monotonic() + pauseMs > until) throw error;
      await systemClock.sleep(pauseMs, signal);
    }
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof SearchRefusal ? passingStatuses.has(error.status) : error instanceof HttpFailure;
}
