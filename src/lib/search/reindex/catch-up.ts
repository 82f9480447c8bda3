import type { Clock } from '../../core/clock.js';
import type { ElasticEngine } from '../elastic/engine.js';
import { Copier, type Tally } from './copier.js';
import type { IndexFacts } from './index-facts.js';
import type { Journal } from './journal.js';
import type { Patience } from './patience.js';
import type { Rejections } from './rejections.js';
import { changes, sequenceNumbers } from './sequence.js';

/** The two indices of a reindex, and what goes from one to the other. */
export interface Transfer {
  readonly engine: ElasticEngine;
  readonly source: IndexFacts;
  readonly destination: {
    readonly name: string;
    /** That it is filled through. */
    readonly alias: string;
  };
  readonly journal: Journal;
  readonly rejections: Rejections;
  readonly tally: Tally;
  readonly patience: Patience;
  readonly clock: Clock;
  /** For the hashes of documents. */
  readonly temporaryFolder: string;
  readonly stallMs: number;
}

export function copierOf(transfer: Transfer, signal: AbortSignal): Copier {
  const { engine, source, destination, rejections, tally, clock, stallMs } = transfer;
  return new Copier({
    engine,
    source: source.name,
    destination: destination.alias,
    rejections,
    tally,
    clock,
    signal,
    stallMs,
  });
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
  transfer: Transfer,
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
