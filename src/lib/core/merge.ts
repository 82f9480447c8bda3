/** The items of several streams as they come; ends with the last of them, and with the first error of any. */
export async function* merge<T>(streams: AsyncIterable<T>[]): AsyncGenerator<T> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const next = (i: number) => {
    const waits = iterators[i]!.next().then((result) => ({ i, result }));
    // While the consumer works nobody listens to it; its error is thrown by the next race.
    waits.catch(() => {});
    return waits;
  };
  const waiting = new Map(iterators.map((_, i) => [i, next(i)]));
  try {
    while (waiting.size > 0) {
      const { i, result } = await Promise.race(waiting.values());
      if (result.done) {
        waiting.delete(i);
      } else {
        waiting.set(i, next(i));
        yield result.value;
      }
    }
  } finally {
    for (const i of waiting.keys()) await iterators[i]!.return?.(undefined);
  }
}
