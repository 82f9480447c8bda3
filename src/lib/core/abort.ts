/** How long a command that is stopped may settle what is under way, in milliseconds. */
export const graceMs = 5000;

/** A signal for tidying up: aborted only `graceMs` after the one given. */
export function withGrace(signal: AbortSignal, graceMs: number): AbortSignal {
  const controller = new AbortController();
  const start = () => setTimeout(() => controller.abort(signal.reason), graceMs).unref();
  if (signal.aborted) start();
  else signal.addEventListener('abort', start, { once: true });
  return controller.signal;
}

/**
 * The outcome of the work, whose signal is aborted with `signal`, and after `ms` milliseconds with a `TimeoutError`. Not
 * `AbortSignal.any([signal, AbortSignal.timeout(ms)])`: Node 20 collects such a time-out as garbage, and it never comes.
 */
export async function withTimeout<T>(
  signal: AbortSignal,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const late = () => controller.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError'));
  const abort = () => controller.abort(signal.reason);
  const timer = setTimeout(late, ms);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
