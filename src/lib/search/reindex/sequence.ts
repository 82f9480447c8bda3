import { ServiceUnavailable } from '../../core/errors.js';
import type { ElasticClient } from '../elastic/client.js';
import type { Hit, SearchEngine } from '../engine.js';

/** Sequence numbers of an index, by shard. Every write and delete has the next one of its shard. */
export interface SequenceNumbers {
  /** Up to here all copies of the shard have everything: no number below is ever used for another write. */
  readonly settled: readonly number[];
  /** The highest that was given. */
  readonly last: readonly number[];
}

interface Stats {
  readonly indices?: Record<
    string,
    {
      shards: Record<
        string,
        {
          routing: { primary: boolean };
          seq_no?: { max_seq_no: number; global_checkpoint: number };
        }[]
      >;
    }
  >;
}

/** @throws ServiceUnavailable when a shard has no primary now, or the index keeps no sequence numbers */
export async function sequenceNumbers(
  client: ElasticClient,
  { name, shards }: { readonly name: string; readonly shards: number },
  signal: AbortSignal,
): Promise<SequenceNumbers> {
  const { indices } = await client.json<Stats>(
    { path: `/${encodeURIComponent(name)}/_stats`, query: { level: 'shards' } },
    signal,
  );
  const settled: number[] = [];
  const last: number[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const copies = indices?.[name]?.shards[String(shard)] ?? [];
    const numbers = copies.find(({ routing }) => routing.primary)?.seq_no;
    if (numbers === undefined)
      throw new ServiceUnavailable(`shard ${shard} of '${name}' is not available`, { code: 'SHARD_MISSING' });
    settled.push(numbers.global_checkpoint);
    last.push(numbers.max_seq_no);
  }
  return { settled, last };
}

/** Sequence numbers of a window that has about `goal` documents. */
const firstSpan = 50_000;
const goal = 50_000;

/**
 * The documents of a shard that were last written after one sequence number and up to another, a window at a time: what comes after
 * `reached` is not yet read. A document that is written while this reads is in a later window, or beyond the last.
 */
export async function* changes(
  engine: SearchEngine,
  index: string,
  { shard, after, upTo }: { readonly shard: number; readonly after: number; readonly upTo: number },
  signal: AbortSignal,
): AsyncGenerator<{ readonly hits: readonly Hit[] } | { readonly reached: number }> {
  let span = firstSpan;
  for (let from = after; from < upTo;) {
    const to = Math.min(from + span, upTo);
    const filter = { range: { _seq_no: { gt: from, lte: to } } };
    let count = 0;
    for await (const hits of engine.scan(index, { signal, filter, shard })) {
      count += hits.length;
      yield { hits };
    }
    yield { reached: to };
    from = to;
    // An index whose documents are often written has few documents among many numbers.
    span = count < goal / 2 ? span * 2 : Math.max(1, Math.ceil((span * goal) / count));
  }
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
