import type { Clock } from '../../core/clock.js';
import { BulkWriter, type Settled, type Wait } from '../bulk/writer.js';
import type { ElasticEngine } from '../elastic/engine.js';
import type { Operation } from '../engine.js';
import type { Destination } from './destination.js';

/** How far a copy got. */
export interface Reached {
  /** Every write of the source below this sequence number, of each shard, has been copied. */
  seqNo: number;
  /** Documents that were written. */
  copied: number;
  /** Documents that were there already, in this version or a newer one. */
  kept: number;
}

export interface PassOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What was reached, after each portion. */
  readonly save: (reached: Reached) => Promise<void>;
  readonly advance: (documents: number) => void;
  readonly rejected: (operation: Operation, reason: string) => void;
  readonly waits: (wait: Wait) => void;
}

/** Sequence numbers of a portion: what a copy that was killed copies again is no more. */
const portion = 100_000;

/**
 * Copies the documents of an index whose last write is `reached.seqNo` or later, up to its last write of now, in the order of
 * sequence numbers: what is written meanwhile has higher ones, and another pass finds it. Versions are the source's, so that an
 * older document never replaces a newer one.
 * @returns whether there was anything
 * @throws as SearchEngine.scan; as BulkWriter; what `save` throws
 */
export async function copyPass(
  source: ElasticEngine,
  index: string,
  engine: ElasticEngine,
  destination: Destination,
  reached: Reached,
  { clock, signal, save, advance, rejected, waits }: PassOptions,
): Promise<boolean> {
  await source.refresh(index, signal);
  const last = await lastSeqNo(source, index, signal);
  if (last < reached.seqNo) return false;
  const settled = (operation: Operation, outcome: Settled) => {
    if (outcome.kind === 'done') reached.copied++;
    else if (outcome.status === 409) reached.kept++;
    else rejected(operation, outcome.reason);
  };
  const target = { index: destination.mark, requireAlias: true };
  const writer = new BulkWriter({ engine, target, clock, signal, settled, waits });
  for (let from = reached.seqNo; from <= last; from = reached.seqNo) {
    const to = Math.min(from + portion, last + 1);
    for await (const hits of source.scan(index, {
      signal,
      filter: { range: { _seq_no: { gte: from, lt: to } } },
    })) {
      for (const { id, routing, version, source } of hits)
        await writer.add({ kind: 'index', id, routing, version, source });
      advance(hits.length);
    }
    await writer.drain();
    reached.seqNo = to;
    await save(reached);
  }
  return true;
}

/** The highest sequence number of any shard; -1 when nothing was ever written. */
async function lastSeqNo({ client }: ElasticEngine, index: string, signal: AbortSignal): Promise<number> {
  const { indices = {} } = await client.json<Stats>(
    {
      path: `/${encodeURIComponent(index)}/_stats`,
      query: { level: 'shards', filter_path: 'indices.*.shards.*.seq_no.max_seq_no' },
    },
    signal,
  );
  let last = -1;
  for (const { shards } of Object.values(indices))
    for (const copies of Object.values(shards))
      for (const { seq_no } of copies) last = Math.max(last, seq_no.max_seq_no);
  return last;
}

interface Stats {
  readonly indices?: Readonly<
    Record<string, { shards: Record<string, { seq_no: { max_seq_no: number } }[]> }>
  >;
}
