import type { Clock } from '../../core/clock.js';
import { BulkWriter, type Settled, type Wait } from '../bulk/writer.js';
import type { ElasticEngine } from '../elastic/engine.js';
import { IncompleteScan, type Operation } from '../engine.js';
import { changes, sequenceNumbers } from '../reindex/sequence.js';

/** How far a copy got. */
export interface Reached {
  /** Of each shard: every write up to this sequence number has been copied; -1 for none. */
  seqNos: number[];
  /** Documents that are there in the source's version. */
  copied: number;
  /** Documents that were there in a newer version. */
  kept: number;
}

export interface Pass {
  readonly source: ElasticEngine;
  /** A concrete index. */
  readonly index: string;
  readonly shards: number;
  readonly engine: ElasticEngine;
  /** The alias that the destination is filled through. */
  readonly alias: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What was reached, after each portion. */
  readonly save: (reached: Reached) => Promise<void>;
  readonly advance: (documents: number) => void;
  readonly rejected: (operation: Operation, reason: string) => void;
  readonly waits: (wait: Wait) => void;
}

/** How often a shard is read again from where it was reached, when its point in time was lost with a node. */
const maxAttempts = 5;
const pauseMs = 2000;

/**
 * Copies what was written to an index since `reached`, in the order of sequence numbers: what is written meanwhile has higher ones,
 * and another pass finds it. Versions are the source's, so that an older document never replaces a newer one.
 * @returns whether there was anything
 * @throws ServiceUnavailable `SHARD_MISSING`; as SearchEngine.scan; as BulkWriter; what `save` throws
 */
export async function copyPass(reached: Reached, pass: Pass): Promise<boolean> {
  const { source, index, shards, engine, clock, signal, waits } = pass;
  // In this order: a write between the two would be neither visible nor beyond.
  const { settled: ends } = await sequenceNumbers(source.client, { name: index, shards }, signal);
  await source.refresh(index, signal);
  const settled = (operation: Operation, outcome: Settled) => {
    if (outcome.kind === 'done') reached.copied++;
    else if (outcome.status === 409) reached.kept++;
    else pass.rejected(operation, outcome.reason);
  };
  const target = { index: pass.alias, requireAlias: true };
  const writer = new BulkWriter({ engine, target, clock, signal, settled, waits });
  let hasFound = false;
  for (const [shard, end] of ends.entries())
    for (let attempt = 1; (reached.seqNos[shard] ??= -1) < end; attempt++) {
      hasFound = true;
      try {
        await copyShard(shard, end, reached, writer, pass);
      } catch (error) {
        if (!(error instanceof IncompleteScan) || attempt === maxAttempts) throw error;
        await clock.sleep(pauseMs * attempt, signal);
      }
    }
  return hasFound;
}

async function copyShard(
  shard: number,
  upTo: number,
  reached: Reached,
  writer: BulkWriter<Operation>,
  { source, index, signal, advance, save }: Pass,
): Promise<void> {
  const range = { shard, after: reached.seqNos[shard]!, upTo };
  for await (const part of changes(source, index, range, signal))
    if ('hits' in part) {
      for (const { id, routing, version, source } of part.hits)
        await writer.add({ kind: 'index', id, routing, version, source });
      advance(part.hits.length);
    } else {
      await writer.drain();
      reached.seqNos[shard] = part.reached;
      await save(reached);
    }
}
