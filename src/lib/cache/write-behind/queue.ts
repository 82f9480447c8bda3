import type { RedisClient } from '../../clients/redis/client.js';
import { type CommandPart, encodeCommand, RedisError, type Reply } from '../../clients/redis/resp.js';
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
    const [next, pairs] = (await client.call(['HSCAN', keys.blocked, cursor, 'COUNT', '100'])) as [
      ByteString,
      ByteString[],
    ];
    cursor = next;
    for (let i = 0; i < pairs.length && names.length < limit; i += 2)
      names.push([pairs[i]!, Number(pairs[i + 1])]);
  } while (cursor !== '0' && names.length < limit);
  return Promise.all(
    names.map(async ([key, entries]) => {
      const id = (await client.call([
        'LINDEX',
        `${keys.held}${key}` as ByteString,
        '0',
      ])) as ByteString | null;
      const list = id === null ? [] : ((await client.call(['XRANGE', keys.dead, id, id])) as Reply[][]);
      const fields = (list[0]?.[1] ?? []) as ByteString[];
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

export interface Released {
  key: string;
  /** Entries that the worker gets before everything else, in their order. */
  released: number;
  /** Poison entries removed for good. */
  dropped: number;
}

/** The held keys of the queue, all of them, in the text of keys. */
export async function* heldKeys(client: RedisClient): AsyncGenerator<string> {
  const count = (await knownPartitions(client)) ?? 0;
  for (let partition = 0; partition < count; partition++) {
    const { blocked } = partitionKeys(partition);
    const keys = new Set<ByteString>();
    let cursor = '0' as ByteString;
    do {
      const [next, pairs] = (await client.call(['HSCAN', blocked, cursor, 'COUNT', '500'])) as [
        ByteString,
        ByteString[],
      ];
      cursor = next;
      for (let i = 0; i < pairs.length; i += 2) keys.add(pairs[i]!);
    } while (cursor !== '0');
    for (const key of keys) yield keyText(key);
  }
}

/**
 * Lets a held key go on, given in the text of keys: with `drop` without its poison entry. @returns zeros when the key was not held.
 */
export async function releaseKey(client: RedisClient, key: string, drop: boolean): Promise<Released> {
  const count = await knownPartitions(client);
  if (count === undefined) return { key, released: 0, dropped: 0 };
  const bytes = readKey(key);
  const result = { key, released: 0, dropped: 0 };
  // Entries that somebody else wrote may be in any partition.
  for (let partition = 0; partition < count; partition++) {
    const keys = partitionKeys(partition);
    const poison = drop ? await client.call(['LINDEX', `${keys.held}${bytes}` as ByteString, '0']) : null;
    const answer = await letGo.run(
      client,
      [keys.dead, keys.retry, keys.blocked, keys.pending, keys.held],
      [bytes, (poison as ByteString | null) ?? ''],
    );
    const [released, dropped] = answer as [number, number];
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
