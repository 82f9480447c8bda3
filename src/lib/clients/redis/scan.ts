import type { ByteString } from '../../core/bytes.js';
import { systemClock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { merge } from '../../core/merge.js';
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
  pattern?: ByteString | undefined;
  /** SCAN's COUNT: keys looked at in one go, which bounds how long the server is busy with it. */
  count: number;
  /** Commands asked for each key, the key put in where `undefined` stands: `['PTTL', undefined]`. */
  ask: readonly (readonly (string | undefined)[])[];
  /** Stop after so many keys. */
  limit?: number | undefined;
}

/** Half of a table's walk: the cursors whose lowest bit is `start`. */
interface Half {
  start: 0 | 1;
  /** The keys of the second half's first page, into which the first half's last page may reach. */
  seam: Seam;
}

interface Seam {
  keys: Promise<Set<ByteString>>;
  settle(keys: Set<ByteString>): void;
}

const worthHalving = 10_000;

/**
 * Walks one master. A server with one large table is walked from two cursors side by side, so that it always has a
 * page to fetch while we read another.
 *
 * SCAN's cursor counts up with its bits reversed, over the table's buckets: the cursors with the same lowest bit are
 * one half of the walk, whatever the table's size becomes meanwhile. That holds for a server with one table for a
 * database, which a cluster's node has not (from Redis 7.4 on its cursors carry the slot).
 *
 * @param keys how many it holds, as far as is known.
 * @throws ServiceUnavailable when the master or its successor stayed away for longer than the request time-out.
 */
export async function* scanMaster(
  client: RedisClient,
  node: RedisNode,
  keys: number,
  plan: ScanPlan,
): AsyncGenerator<ScanPage> {
  const oneTable = !client.cluster && client.info.dragonfly_version === undefined;
  if (!oneTable || keys < worthHalving || plan.limit !== undefined) {
    yield* scanNode(client, node, plan);
    return;
  }
  try {
    const seam = newSeam();
    yield* merge([
      scanHalf(client, node, plan, { start: 0, seam }),
      scanHalf(client, node, plan, { start: 1, seam }),
    ]);
  } catch (error) {
    plan.signal.throwIfAborted();
    if (!(error instanceof ServiceUnavailable)) throw error;
    yield* scanNode(client, node, plan, true);
  }
}

async function* scanHalf(
  client: RedisClient,
  { node, address }: RedisNode,
  plan: ScanPlan,
  half: Half,
): AsyncGenerator<ScanPage> {
  const connection = await client.dedicated(address);
  try {
    for await (const page of walk(connection, plan, half)) yield { node, ...page, restart: false };
  } finally {
    connection.close();
    // Nobody waits for a half that failed.
    if (half.start === 1) half.seam.settle(new Set());
  }
}

function newSeam(): Seam {
  let settle!: (keys: Set<ByteString>) => void;
  const keys = new Promise<Set<ByteString>>((resolve) => (settle = resolve));
  return { keys, settle };
}

/**
 * Walks one master with a cursor. The next page and what is asked about the present one go out in one write, so
 * that the server works while we read. When the master is lost, its successor is walked from the start.
 *
 * @throws ServiceUnavailable when no successor came within the request time-out.
 */
async function* scanNode(
  client: RedisClient,
  start: RedisNode,
  plan: ScanPlan,
  startsAnew = false,
): AsyncGenerator<ScanPage> {
  const [firstSlot] = start.ranges[0]!;
  let master = start;
  let restart = startsAnew;
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
  half?: Half,
): AsyncGenerator<Omit<ScanPage, 'node' | 'restart'>> {
  const parts = plan.ask.map((words) => splitAtKey(words));
  const page = (cursor: string) =>
    encodeCommand([
      'SCAN',
      cursor as ByteString,
      ...(plan.pattern === undefined ? [] : (['MATCH', plan.pattern] as const)),
      'COUNT',
      `${plan.count}`,
    ]);
  const start = half?.start ?? 0;
  let seen = 0;
  let pages = 0;
  let next = connection.pipeline(page(String(start)), 1);
  for (;;) {
    const reply = first(connection, await next) as [cursor: ByteString, keys: ByteString[]];
    const [cursor] = reply;
    let [, keys] = reply;
    if (plan.limit !== undefined && seen + keys.length > plan.limit) keys = keys.slice(0, plan.limit - seen);
    seen += keys.length;
    const crossed = half !== undefined && Number(cursor.at(-1)) % 2 !== start;
    if (half?.start === 1 && pages++ === 0) half.seam.settle(new Set(keys));
    if (half?.start === 0 && crossed) {
      const beyond = await half.seam.keys;
      keys = keys.filter((key) => !beyond.has(key));
    }
    const last = cursor === '0' || crossed || (plan.limit !== undefined && seen >= plan.limit);
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
