import type { RedisClient } from '../../clients/redis/client.js';
import { type CommandPart, encodeCommand, RedisError, type Reply } from '../../clients/redis/resp.js';
import { asEntries, asNumbers, asPage, asTextOrNull } from '../../clients/redis/shapes.js';
import { fromBytes, toBytes, type ByteString } from '../../core/bytes.js';
import { keyText, readKey } from '../key-text.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { parseEntry } from './entry.js';
import { partitionKeys, timeOf, type PartitionKeys } from './keys.js';
import { knownPartitions } from './preflight.js';
import { letGo } from './scripts.js';

export interface PartitionStatus {
  partition: number;
  /** Entries that wait for the worker, released ones among them. */
  waiting: number;
  /** Age of the oldest of them on the server's clock, milliseconds. */
  oldestMs: number;
  /** Poison entries and those behind them. */
  dead: number;
  /** Writes that vanished, ever. */
  lost: number;
  /** Who works on it, if anybody. */
  worker?: string;
}

export interface HeldKey {
  key: string;
  partition: number;
  entries: number;
  table?: string;
  operation?: string;
  reason: string;
  /** Milliseconds since it was put aside. */
  ageMs: number;
}

export interface QueueStatus {
  target: string;
  waiting: number;
  oldestMs: number;
  dead: number;
  lost: number;
  /** Partitions with a worker. */
  worked: number;
  partitions: PartitionStatus[];
  /** Keys that are held back, the first of each partition up to 100. */
  held: HeldKey[];
  heldKeys: number;
}

const shownKeys = 100;

/** The queue as it is; without one, an empty status. */
export async function queueStatus(client: RedisClient): Promise<QueueStatus> {
  const count = (await knownPartitions(client)) ?? 0;
  const status: QueueStatus = {
    target: client.target,
    waiting: 0,
    oldestMs: 0,
    dead: 0,
    lost: 0,
    worked: 0,
    partitions: [],
    held: [],
    heldKeys: 0,
  };
  for (let partition = 0; partition < count; partition++) {
    const keys = partitionKeys(partition);
    const [time, stream, retry, first, firstRetry, dead, lost, lease, heldKeys] = (await ask(client, keys, [
      ['TIME'],
      ['XLEN', keys.stream],
      ['XLEN', keys.retry],
      ['XRANGE', keys.stream, '-', '+', 'COUNT', '1'],
      ['XRANGE', keys.retry, '-', '+', 'COUNT', '1'],
      ['XLEN', keys.dead],
      ['HGET', keys.progress, toBytes('lost')],
      ['GET', keys.lease],
      ['HLEN', keys.blocked],
    ])) as [string[], number, number, Reply[][], Reply[][], number, string | null, string | null, number];
    const now = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000);
    const ages = [first, firstRetry].flatMap(([entry]) => (entry ? [now - timeOf(entry[0] as string)] : []));
    const worker = lease?.slice(lease.indexOf(' ') + 1);
    const one: PartitionStatus = {
      partition,
      waiting: stream + retry,
      oldestMs: Math.max(0, ...ages),
      dead,
      lost: Number(lost ?? 0),
      ...(worker === undefined ? {} : { worker }),
    };
    status.partitions.push(one);
    status.waiting += one.waiting;
    status.oldestMs = Math.max(status.oldestMs, one.oldestMs);
    status.dead += dead;
    status.lost += one.lost;
    status.heldKeys += heldKeys;
    if (worker !== undefined) status.worked++;
    if (heldKeys > 0 && status.held.length < shownKeys)
      status.held.push(...(await heldIn(client, partition, keys, now, shownKeys - status.held.length)));
  }
  return status;
}

async function heldIn(
  client: RedisClient,
  partition: number,
  keys: PartitionKeys,
  now: number,
  limit: number,
): Promise<HeldKey[]> {
  const names: [key: ByteString, count: number][] = [];
  let cursor = '0' as ByteString;
  do {
    const { cursor: next, found: pairs } = asPage(
      await client.call(['HSCAN', keys.blocked, cursor, 'COUNT', '100']),
      client.target,
    );
    cursor = next;
    for (let i = 0; i < pairs.length && names.length < limit; i += 2)
      names.push([pairs[i]!, Number(pairs[i + 1])]);
  } while (cursor !== '0' && names.length < limit);
  return Promise.all(
    names.map(async ([key, entries]) => {
      const id = asTextOrNull(
        await client.call(['LINDEX', `${keys.held}${key}` as ByteString, '0']),
        client.target,
      );
      const list =
        id === null ? [] : asEntries(await client.call(['XRANGE', keys.dead, id, id]), client.target);
      const fields = list[0]?.[1] ?? [];
      const reason = fields[fields.indexOf('reason' as ByteString) + 1] ?? ('' as ByteString);
      const parsed = list[0] ? parseEntry(list[0]) : undefined;
      return {
        key: keyText(key),
        partition,
        entries,
        ...(parsed && 'entry' in parsed
          ? { table: parsed.entry.table, operation: parsed.entry.operation }
          : {}),
        reason: fromBytes(reason),
        ageMs: id === null ? 0 : Math.max(0, now - timeOf(id)),
      };
    }),
  );
}

/** A key that is held back, and how many entries of it are. */
export interface Held {
  key: string;
  entries: number;
}

export interface Released {
  key: string;
  /** Entries that the worker gets before everything else, in their order. */
  released: number;
  /** Poison entries removed for good. */
  dropped: number;
}

export interface ReleaseResult {
  released: number;
  dropped: number;
  keys: Released[];
  /** So many more entries may have been let go or dropped: the answers were lost. Left out when there are none. */
  uncertain?: number;
}

/** The held keys of the queue, all of them, in the text of keys. */
export async function* heldKeys(client: RedisClient): AsyncGenerator<Held> {
  const count = (await knownPartitions(client)) ?? 0;
  for (let partition = 0; partition < count; partition++) {
    const { blocked } = partitionKeys(partition);
    const keys = new Map<ByteString, number>();
    let cursor = '0' as ByteString;
    do {
      const { cursor: next, found: pairs } = asPage(
        await client.call(['HSCAN', blocked, cursor, 'COUNT', '500']),
        client.target,
      );
      cursor = next;
      for (let i = 0; i < pairs.length; i += 2) keys.set(pairs[i]!, Number(pairs[i + 1]));
    } while (cursor !== '0');
    for (const [key, entries] of keys) yield { key: keyText(key), entries };
  }
}

/**
 * Lets held keys continue, given in the text of keys: with `drop` without their poison entries.
 * @param started gives the result so far; called before the first change.
 */
export async function releaseKeys(
  client: RedisClient,
  keys: readonly Held[],
  {
    drop,
    signal,
    started,
  }: { drop: boolean; signal: AbortSignal; started(result: () => ReleaseResult): void },
): Promise<ReleaseResult> {
  const done: Released[] = [];
  let uncertain = 0;
  const sum = (count: (one: Released) => number) => done.reduce((total, one) => total + count(one), 0);
  const result = (): ReleaseResult => ({
    released: sum(({ released }) => released),
    dropped: sum(({ dropped }) => dropped),
    keys: done,
    ...(uncertain > 0 ? { uncertain } : {}),
  });
  started(result);
  for (const { key, entries } of keys) {
    signal.throwIfAborted();
    uncertain += entries;
    const { repeated, ...one } = await releaseKey(client, key, drop);
    // What a first attempt let go, the second did not find.
    if (!repeated || one.released + one.dropped > 0) uncertain -= entries;
    done.push(one);
  }
  return result();
}

/** @returns zeros when the key was not held, or when an attempt whose answer was lost let it go: then `repeated`. */
export async function releaseKey(
  client: RedisClient,
  key: string,
  drop: boolean,
): Promise<Released & { repeated: boolean }> {
  const count = await knownPartitions(client);
  const bytes = readKey(key);
  const result = { key, released: 0, dropped: 0, repeated: false };
  if (count === undefined) return result;
  // Entries that somebody else wrote may be in any partition.
  for (let partition = 0; partition < count; partition++) {
    const keys = partitionKeys(partition);
    const poison = drop
      ? asTextOrNull(await client.call(['LINDEX', `${keys.held}${bytes}` as ByteString, '0']), client.target)
      : ('' as ByteString);
    if (poison === null) continue;
    const answer = await letGo.run(
      client,
      [keys.dead, keys.retry, keys.blocked, keys.pending, keys.held],
      [bytes, poison],
      { repeated: () => (result.repeated = true) },
    );
    const [released = 0, dropped = 0] = asNumbers(answer, client.target);
    result.released += released;
    result.dropped += dropped;
  }
  return result;
}

async function ask(client: RedisClient, keys: PartitionKeys, commands: CommandPart[][]): Promise<Reply[]> {
  for (let attempt = 0; ; attempt++) {
    try {
      const { address, node } = client.masterOf(keys.stream);
      const connection = await client.connect(address);
      const replies = await connection.pipeline(commands.map(encodeCommand).join(''), commands.length);
      const wrong = replies.find((reply) => reply instanceof RedisError);
      if (wrong instanceof RedisError)
        throw new ServiceUnavailable(`Redis at ${node} answered: ${wrong.message}`, { code: 'REDIS_ERROR' });
      return replies;
    } catch (error) {
      if (!(error instanceof ServiceUnavailable) || attempt > 2) throw error;
      await client.refresh();
    }
  }
}
