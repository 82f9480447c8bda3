import type { ByteString } from '../../core/bytes.js';
import { systemClock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { nodeName, type RedisClient, type RedisNode } from './client.js';
import { refused, type RedisConnection } from './connection.js';
import { encodeCommand, RedisError, type Reply } from './resp.js';

export interface ScanPage {
  node: string;
  keys: ByteString[];
  /** The answers to `ask`, `ask.length` for each key. */
  answers: Reply[];
  /** The master was lost and another one is walked from the start: forget what this node yielded. */
  restart: boolean;
}

export interface ScanPlan {
  signal: AbortSignal;
  pattern?: string | undefined;
  /** SCAN's COUNT: keys looked at in one go, which bounds how long the server is busy with it. */
  count: number;
  /** Commands asked for each key, the key put in where `undefined` stands: `['PTTL', undefined]`. */
  ask: readonly (readonly (string | undefined)[])[];
  /** Stop after so many keys. */
  limit?: number | undefined;
  /** The part of the keyspace to walk; without it, all of it. */
  part?: ScanPart | undefined;
}

/** Cursors whose lowest `bits` bits are those of `start`. */
export interface ScanPart {
  start: number;
  bits: number;
}

/**
 * Parts that can be walked side by side, so that the server always has a page to fetch while we read another.
 *
 * SCAN's cursor counts up with its bits reversed, over the table's buckets: the cursors with the same lowest bits are one
 * stretch of the walk, whatever the table's size becomes meanwhile. That holds for a server with one table for a
 * database, which a cluster's node has not (from Redis 7.4 on its cursors carry the slot).
 */
export function scanParts(client: RedisClient, keys: number): (ScanPart | undefined)[] {
  const oneTable = !client.cluster && client.info.dragonfly_version === undefined;
  return oneTable && keys > 10_000 ? [0, 1].map((start) => ({ start, bits: 1 })) : [undefined];
}

/**
 * Walks one master with a cursor. The next page and what is asked about the present one go out in one write, so
 * that the server works while we read. When the master is lost, its successor is walked from the start.
 *
 * @throws ServiceUnavailable when no successor came within the request time-out.
 */
export async function* scanNode(
  client: RedisClient,
  start: RedisNode,
  plan: ScanPlan,
): AsyncGenerator<ScanPage> {
  const [firstSlot] = start.ranges[0]!;
  let master = start;
  let restart = false;
  let deadline: number | undefined;
  for (;;) {
    let connection: RedisConnection | undefined;
    try {
      connection = await client.dedicated(master.address);
      for await (const page of walk(connection, plan)) {
        yield { node: start.node, ...page, restart };
        restart = false;
        deadline = undefined;
      }
      return;
    } catch (error) {
      plan.signal.throwIfAborted();
      if (!(error instanceof ServiceUnavailable)) throw error;
      deadline ??= systemClock.monotonic() + client.options.requestTimeoutMs;
      if (systemClock.monotonic() > deadline) throw error;
      await systemClock.sleep(200, plan.signal);
      await client.refresh().catch(() => {});
      master =
        client.masters.find(({ ranges }) =>
          ranges.some(([from, to]) => from <= firstSlot && firstSlot <= to),
        ) ?? master;
      restart = true;
    } finally {
      connection?.close();
    }
  }
}

async function* walk(
  connection: RedisConnection,
  plan: ScanPlan,
): AsyncGenerator<Omit<ScanPage, 'node' | 'restart'>> {
  const parts = plan.ask.map((words) => splitAtKey(words));
  const page = (cursor: string) =>
    encodeCommand([
      'SCAN',
      cursor,
      ...(plan.pattern === undefined ? [] : ['MATCH', plan.pattern]),
      'COUNT',
      String(plan.count),
    ]);
  const { start = 0, bits = 0 } = plan.part ?? {};
  const ended = (cursor: ByteString) =>
    cursor === '0' || (BigInt(cursor) & ((1n << BigInt(bits)) - 1n)) !== BigInt(start);
  let seen = 0;
  let next = connection.pipeline(page(String(start)), 1);
  for (;;) {
    const reply = first(connection, await next) as [cursor: ByteString, keys: ByteString[]];
    const [cursor] = reply;
    let [, keys] = reply;
    if (plan.limit !== undefined && seen + keys.length > plan.limit) keys = keys.slice(0, plan.limit - seen);
    seen += keys.length;
    const last = ended(cursor) || (plan.limit !== undefined && seen >= plan.limit);
    let text = '';
    for (const key of keys)
      for (const [before, after] of parts) text += `${before}$${key.length}\r\n${key}\r\n${after}`;
    const asked = keys.length * parts.length;
    const answers = asked > 0 ? connection.pipeline(text, asked) : Promise.resolve([]);
    // Both are awaited below; until then a lost connection must not count as unhandled.
    answers.catch(() => {});
    if (!last) {
      next = connection.pipeline(page(cursor), 1);
      next.catch(() => {});
    }
    yield { keys, answers: await answers };
    if (last) return;
  }
}

/** The encoded command before and after its key. */
function splitAtKey(words: readonly (string | undefined)[]): [before: string, after: string] {
  const at = words.indexOf(undefined);
  const encode = (list: readonly (string | undefined)[]) =>
    list.map((word) => `$${word!.length}\r\n${word}\r\n`).join('');
  return [`*${words.length}\r\n${encode(words.slice(0, at))}`, encode(words.slice(at + 1))];
}

function first(connection: RedisConnection, replies: Reply[]): Reply {
  const [reply] = replies;
  if (reply instanceof RedisError) throw refused(connection.node, reply);
  return reply!;
}

/** A server that follows another one is no place to change keys. @throws ServiceUnavailable naming the master. */
export function refuseReplica(client: RedisClient): void {
  if (client.cluster || client.info.role !== 'slave') return;
  const master = nodeName({
    host: client.info.master_host ?? '?',
    port: Number(client.info.master_port ?? 0),
  });
  throw new ServiceUnavailable(`Redis at ${client.target} is a replica of ${master}`, {
    code: 'REDIS_REPLICA',
    hint: `Use the master: redis://${master}`,
  });
}
