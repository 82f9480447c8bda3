/** The items of several streams as they come; ends with the last of them, and with the first error of any. */
export async function* merge<T>(streams: AsyncIterable<T>[]): AsyncGenerator<T> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const next = (i: number) => iterators[i]!.next().then((result) => ({ i, result }));
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
    for (const promise of waiting.values()) promise.catch(() => {});
    for (const i of waiting.keys()) await iterators[i]!.return?.(undefined);
  }
}
