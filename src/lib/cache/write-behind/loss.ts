import type { RedisClient } from '../../clients/redis/client.js';
import type { ByteString } from '../../core/bytes.js';
import { keyText } from '../key-text.js';
import type { Fetched } from './fetch.js';
import type { PartitionKeys } from './keys.js';
import { forgetMissing, noteLoss } from './scripts.js';
import type { LostEntries } from './types.js';

interface Gap {
  entries: number;
  after: number;
  before: number;
}

const namedKeys = 1000;

/**
 * Entries carry numbers without a gap, so a stream that was trimmed, cut or removed by somebody else shows.
 * @param settled highest number known to have left the queue in order, from Redis and PostgreSQL.
 */
export function findGaps(
  { from, items, counter }: Pick<Fetched, 'from' | 'items' | 'counter'>,
  settled: number,
): Gap[] {
  // Redis came back in an earlier state: numbers will be given out a second time.
  if (counter < settled) return [{ entries: 0, after: counter, before: settled + 1 }];
  if (from === 'R') return [];
  const gaps: Gap[] = [];
  let last = settled;
  for (const item of items) {
    const { number } = 'entry' in item ? item.entry : item.bad;
    if (number === undefined || number <= last) continue;
    if (number > last + 1) gaps.push({ entries: number - last - 1, after: last, before: number });
    last = number;
  }
  if (items.length === 0 && counter > last)
    gaps.push({ entries: counter - last, after: last, before: counter + 1 });
  return gaps;
}

/** Writes the loss down in the queue, and names the keys it hit. @returns undefined when the lease is lost. */
export async function recordLoss(
  client: RedisClient,
  partition: number,
  keys: PartitionKeys,
  lease: ByteString,
  gap: Gap,
): Promise<LostEntries | undefined> {
  const noted = await noteLoss.run(
    client,
    [keys.lease, keys.progress, keys.counter],
    [lease, `${gap.entries}`, `${gap.before - 1}`],
  );
  if (noted === null) return undefined;
  const hit: string[] = [];
  let cursor = '0' as ByteString;
  do {
    const [next, pairs] = (await client.call(['HSCAN', keys.pending, cursor, 'COUNT', '500'])) as [
      ByteString,
      ByteString[],
    ];
    cursor = next;
    if (pairs.length === 0) continue;
    const gone = (await forgetMissing.run(
      client,
      [keys.pending, keys.stream, keys.retry, keys.dead],
      pairs,
    )) as ByteString[];
    for (const key of gone) if (hit.length < namedKeys) hit.push(keyText(key));
  } while (cursor !== '0');
  return { partition, ...gap, keys: hit };
}
