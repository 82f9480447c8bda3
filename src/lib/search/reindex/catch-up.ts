import type { ElasticEngine } from '../elastic/engine.js';
import type { IndexFacts } from './index-facts.js';
import type { Journal } from './journal.js';
import { changes, sequenceNumbers } from './sequence.js';
import { copierOf, type Transfer } from './transfer.js';

/** Of Elasticsearch. */
export interface ElasticTransfer extends Transfer {
  readonly engine: ElasticEngine;
  readonly source: IndexFacts;
  readonly journal: Journal;
}

export interface CatchUpOptions {
  /** The source takes no writes: whatever has a sequence number is on all copies of its shard. */
  readonly isFrozen?: boolean;
  /** Called with the documents read so far. */
  readonly seen?: (documents: number) => void;
}

/**
 * Copies what was written to the source since the last time, shard by shard in the order of sequence numbers: the first time
 * everything. Deletes are not seen by it.
 * @returns the documents that were read
 */
export async function catchUp(
  transfer: ElasticTransfer,
  signal: AbortSignal,
  { isFrozen = false, seen = () => {} }: CatchUpOptions = {},
): Promise<number> {
  const { engine, source, journal, patience } = transfer;
  const { settled, last } = await patience.retry(async () => {
    const numbers = await sequenceNumbers(engine.client, source, signal);
    // After it, or a write between the two would be neither visible nor beyond.
    await engine.refresh(source.name, signal);
    return numbers;
  }, signal);
  let count = 0;
  for (const [shard, upTo] of (isFrozen ? last : settled).entries())
    await patience.retry(async () => {
      const copier = copierOf(transfer, signal);
      const range = { shard, after: journal.state.reached[shard]!, upTo };
      for await (const part of changes(engine, source.name, range, signal)) {
        if ('hits' in part) {
          await copier.copy(part.hits);
          seen((count += part.hits.length));
        } else {
          await copier.settle();
          await journal.reach(shard, part.reached, signal);
        }
        patience.progressed();
      }
    }, signal);
  return count;
}
