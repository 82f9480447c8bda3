/**
 * The items of a stream, each asked for while the one before is worked on.
 * @param open is given a signal that is aborted with `signal`, and when the consumer leaves early: what is being asked
 * for then is given up, and not waited for.
 */
export async function* readAhead<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const leaving = new AbortController();
  const items = open(AbortSignal.any([signal, leaving.signal]))[Symbol.asyncIterator]();
  const ask = () => {
    const next = items.next();
    // While the consumer works nobody waits for it; its error is thrown below.
    next.catch(() => {});
    return next;
  };
  try {
    for (let next = ask(); ;) {
      const { done, value } = await next;
      if (done) return;
      next = ask();
      yield value;
    }
  } finally {
    leaving.abort(new Error('nobody reads on'));
    await items.return?.(undefined);
  }
}
