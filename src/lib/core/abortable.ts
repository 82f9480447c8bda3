/** The items of a stream, until the signal's reason comes first; the stream behind them is told to end, and not waited for. */
export async function* abortableItems<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const items = stream[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (!ended) {
      const next = await abortable(items.next(), signal);
      ended = next.done === true;
      if (!next.done) yield next.value;
    }
  } finally {
    // What it fails with then is of no interest: why it is left stands already.
    if (!ended) items.return?.(undefined).catch(() => {});
  }
}

/** The promise's outcome, or the signal's reason when that comes first; the work behind the promise continues. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort!);
  }
}
