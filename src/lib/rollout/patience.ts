import type { Clock } from '../core/clock.js';
import { ServiceUnavailable } from '../core/errors.js';
import type { Workloads } from './route.js';

/** How long something is tried again that has to be done, in milliseconds. */
export const TRY_FOR_MS = 30_000;

/** Time until the next attempt, in milliseconds. @param before time that passed until this one; none: it was the first */
export function nextPause(before = 125): number {
  return Math.min(before * 2, 4000);
}

/** The same workloads, for whom has to get an answer: while the service is away, they are asked again. */
export function patiently(workloads: Workloads, clock: Clock): Workloads {
  const persist = async <T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> => {
    const deadline = clock.monotonic() + TRY_FOR_MS;
    for (let pause = nextPause(); ; pause = nextPause(pause)) {
      try {
        return await ask();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ServiceUnavailable) || clock.monotonic() > deadline) throw error;
        await clock.sleep(pause, signal);
      }
    }
  };
  return {
    fleet: (deployment, signal) => persist(signal, () => workloads.fleet(deployment, signal)),
    scale: (deployment, replicas, signal) =>
      persist(signal, () => workloads.scale(deployment, replicas, signal)),
  };
}
