import { keyOf } from '../document-key.js';
import type { DocumentName } from '../engine.js';
import type { Differences } from './differences.js';
import { DocumentHasher, hashWords } from './document-hash.js';

/** Documents that are handed on at once. */
const batchSize = 500;

/**
 * Those documents that are among the differences, in batches by the number of their difference. Of two documents of one id in
 * a batch the last counts.
 * @param isWanted by the number
 */
export async function* differing<T extends DocumentName>(
  documents: AsyncIterable<readonly T[]>,
  differences: Differences,
  isWanted: (number: number) => boolean = () => true,
): AsyncGenerator<ReadonlyMap<number, T>> {
  const hasher = new DocumentHasher();
  const hash = new Int32Array(hashWords);
  let batch = new Map<number, T>();
  for await (const page of documents)
    for (const document of page) {
      hasher.text(keyOf(document), hash, 0);
      const number = differences.find(hash);
      if (number === undefined || !isWanted(number)) continue;
      batch.set(number, document);
      if (batch.size < batchSize) continue;
      yield batch;
      batch = new Map();
    }
  if (batch.size > 0) yield batch;
}
