import { withGrace } from '../lib/core/abort.js';
import { Interrupted, type InterruptReason } from '../lib/core/errors.js';

/** After the first signal: until the work is no longer waited for, and until the process ends whatever else hangs. */
const settlingMs = 8000;
const tidyingMs = 9000;

export interface Interrupts {
  /** Aborted by the first signal: the command is to settle what is under way, and to say what was done. */
  readonly signal: AbortSignal;
  /** Aborted when it has not done so in time. */
  readonly overdue: AbortSignal;
  /** The command is over: nothing is left to be stopped safely. */
  end(): void;
}

/**
 * The first SIGINT, SIGTERM, SIGHUP or the end of `--timeout` asks the command to stop safely, in a bounded time; the
 * second leaves at once.
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
    timers.push(setTimeout(() => leave(error), tidyingMs).unref());
    notify(reason);
    controller.abort(error);
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) source.on(signal, () => stop(signal));
  if (timeoutMs !== undefined) timers.push(setTimeout(() => stop('timeout'), timeoutMs).unref());

  return {
    signal: controller.signal,
    overdue: withGrace(controller.signal, settlingMs),
    end() {
      // The handlers stay: while the last output is handed over a signal still leaves with its own exit code.
      over = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
