import { setMaxListeners } from 'node:events';

import type { Clock } from '../core/clock.js';

export interface OpenLoop {
  /** How many are started. */
  readonly count: number;
  /** A second; below 1 as well. */
  readonly rate: number;
}

/**
 * Starts work at fixed times, whatever became of the work before: number i at i ÷ rate seconds after the first. Late
 * starts are made up for at once, and never move those after them. Latency counts from `intendedAt`, since a user who
 * had to wait for the generator had to wait (Tene, How NOT to Measure Latency, 2013: coordinated omission).
 * @param start begins number i, which was due at `intendedAt` on the monotonic clock
 * @returns when all that was started has ended
 * @throws the first failure of any; the signal's reason.
 */
export async function openLoop(
  { count, rate }: OpenLoop,
  clock: Clock,
  signal: AbortSignal,
  start: (i: number, intendedAt: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const begun = clock.monotonic();
  const underWay = new Set<Promise<void>>();
  const failed = new AbortController();
  const ended = stoppable(signal, failed);
  try {
    for (let i = 0; i < count; i++) {
      const intendedAt = begun + (i * 1000) / rate;
      const wait = intendedAt - clock.monotonic();
      if (wait > 0) await clock.sleep(wait, ended.signal);
      ended.signal.throwIfAborted();
      const work = start(i, intendedAt, ended.signal)
        .catch((error: unknown) => failed.abort(error))
        .finally(() => underWay.delete(work));
      underWay.add(work);
    }
    await Promise.all(underWay);
    ended.signal.throwIfAborted();
  } finally {
    ended.release();
  }
}

/**
 * Works on 0 to count − 1 in this order, so many `workers` at once, each taking the next one when it has finished. When one
 * fails, no further work is begun, and the others' signal is aborted with its error.
 * @returns when all have ended
 * @throws the first failure; the signal's reason.
 */
export async function closedLoop(
  count: number,
  workers: number,
  signal: AbortSignal,
  work: (i: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const ended = stoppable(signal, failed);
  let next = 0;
  const worker = async () => {
    while (next < count && !ended.signal.aborted) await work(next++, ended.signal);
  };
  try {
    const all = Array.from({ length: Math.min(workers, count) }, () =>
      worker().catch((error: unknown) => failed.abort(error)),
    );
    await Promise.all(all);
    ended.signal.throwIfAborted();
  } finally {
    ended.release();
  }
}

/** A signal that is aborted with either. Not `AbortSignal.any`: every request of a run listens to it. */
function stoppable(
  signal: AbortSignal,
  failed: AbortController,
): { signal: AbortSignal; release: () => void } {
  const abort = () => failed.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  setMaxListeners(0, failed.signal);
  return { signal: failed.signal, release: () => signal.removeEventListener('abort', abort) };
}
