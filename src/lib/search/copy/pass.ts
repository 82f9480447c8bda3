import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { BulkWriter, type Settled, type Wait } from '../bulk/writer.js';
import type { ElasticEngine } from '../elastic/engine.js';
import { IncompleteScan, type Operation } from '../engine.js';
import type { Destination } from './destination.js';

/** How far a copy got. */
export interface Reached {
  /** Of each shard: every write below this sequence number has been copied. */
  seqNos: number[];
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
  /** Of the source. */
  readonly shards: number;
}

/** Sequence numbers of a portion: a copy that was killed copies no more than that again. */
const portion = 50_000;
/** How often a portion is read again, where its point in time was lost with a node. */
const maxAttempts = 5;
const pauseMs = 2000;

/**
 * Copies what was written to an index since `reached`, in the order of sequence numbers: what is written meanwhile has higher ones,
 * and another pass finds it. Versions are the source's, so that an older document never replaces a newer one.
 * @returns whether there was anything
 * @throws ServiceUnavailable `SHARD_MISSING`; as SearchEngine.scan; as BulkWriter; what `save` throws
 */
export async function copyPass(
  source: ElasticEngine,
  index: string,
  engine: ElasticEngine,
  destination: Destination,
  reached: Reached,
  options: PassOptions,
): Promise<boolean> {
  const { clock, signal, waits, shards } = options;
  // In this order: whatever is below the checkpoints is in the shards, and the refresh makes it visible.
  const checkpoints = await globalCheckpoints(source, index, shards, signal);
  await source.refresh(index, signal);
  const settled = (operation: Operation, outcome: Settled) => {
    if (outcome.kind === 'done') reached.copied++;
    else if (outcome.status === 409) reached.kept++;
    else options.rejected(operation, outcome.reason);
  };
  const target = { index: destination.mark, requireAlias: true };
  const writer = new BulkWriter({ engine, target, clock, signal, settled, waits });
  let hasFound = false;
  for (const [shard, last] of checkpoints.entries())
    for (let from = reached.seqNos[shard] ?? 0; from <= last; from = reached.seqNos[shard]!) {
      hasFound = true;
      const to = Math.min(from + portion, last + 1);
      for (let attempt = 1; ; attempt++) {
        try {
          await copyPortion(source, index, { shard, from, to }, writer, options);
          break;
        } catch (error) {
          if (!(error instanceof IncompleteScan) || attempt === maxAttempts) throw error;
          await clock.sleep(pauseMs * attempt, signal);
        }
      }
      await writer.drain();
      reached.seqNos[shard] = to;
      await options.save(reached);
    }
  return hasFound;
}

async function copyPortion(
  source: ElasticEngine,
  index: string,
  { shard, from, to }: { readonly shard: number; readonly from: number; readonly to: number },
  writer: BulkWriter<Operation>,
  { signal, advance }: PassOptions,
): Promise<void> {
  const filter = { range: { _seq_no: { gte: from, lt: to } } };
  for await (const hits of source.scan(index, { signal, shard, filter })) {
    for (const { id, routing, version, source } of hits)
      await writer.add({ kind: 'index', id, routing, version, source });
    advance(hits.length);
  }
}

/** Of each shard: the last sequence number up to which all copies of the shard have every write; -1 without any. */
async function globalCheckpoints(
  { client }: ElasticEngine,
  index: string,
  count: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { indices } = await client.json<Stats>(
    {
      path: `/${encodeURIComponent(index)}/_stats`,
      query: { level: 'shards', filter_path: 'indices.*.shards.*.seq_no.global_checkpoint' },
    },
    signal,
  );
  const [{ shards }] = Object.values(indices) as [Stats['indices'][string]];
  return Array.from({ length: count }, (_, shard) => {
    const copies = shards[shard];
    if (copies === undefined)
      throw new ServiceUnavailable(`shard ${shard} of ${index} is on no node of ${client.name}`, {
        code: 'SHARD_MISSING',
        hint: 'See: metrify search status',
      });
    return Math.max(...copies.map(({ seq_no }) => seq_no.global_checkpoint));
  });
}

interface Stats {
  readonly indices: Readonly<
    Record<string, { shards: Record<string, { seq_no: { global_checkpoint: number } }[] | undefined> }>
  >;
}
