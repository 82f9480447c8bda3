import { Interrupted, type InterruptReason } from '../lib/core/errors.js';

export const tidyingMs = 10_000;

export interface Interrupts {
  readonly signal: AbortSignal;
  /** The command is over: nothing is left to be stopped safely. */
  end(): void;
}

/**
 * The first SIGINT, SIGTERM or the end of `--timeout` asks the command to stop safely; the second leaves at once.
 * After a time-out the tidying itself is bounded.
 *
 * @param leave ends the process at once with the reason's exit code.
 */
export function watchInterrupts(
  source: NodeJS.Process,
  timeoutMs: number | undefined,
  notify: (reason: InterruptReason) => void,
  leave: (error: Interrupted) => void,
): Interrupts {
  const controller = new AbortController();
  let over = false;
  const timers: NodeJS.Timeout[] = [];

  function stop(reason: InterruptReason): void {
    const error = new Interrupted(reason);
    if (over || controller.signal.aborted) {
      leave(reason === 'timeout' ? (controller.signal.reason as Interrupted) : error);
      return;
    }
    if (reason === 'timeout') timers.push(setTimeout(() => leave(error), tidyingMs).unref());
    notify(reason);
    controller.abort(error);
  }

  const onInterrupt = () => stop('SIGINT');
  const onTerminate = () => stop('SIGTERM');
  source.on('SIGINT', onInterrupt);
  source.on('SIGTERM', onTerminate);
  if (timeoutMs !== undefined) timers.push(setTimeout(() => stop('timeout'), timeoutMs).unref());

  return {
    signal: controller.signal,
    end() {
      // The handlers stay: while the last output is handed over a signal still leaves with its own exit code.
      over = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
