import type { ByteString } from '../../core/bytes.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { nodeName, type RedisClient, type RedisNode } from './client.js';
import { keyCommand, scanCommand } from './commands.js';
import type { RedisConnection } from './connection.js';
import { refused } from './refusals.js';
import { RedisError, type Reply } from './resp.js';
import { Retrier } from './retrier.js';

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
  /** Commands asked for each key, with `undefined` in place of the key: `['PTTL', undefined]`. */
  ask: readonly (readonly (string | undefined)[])[];
  /** Stop after this number of keys. */
  limit?: number | undefined;
}

/**
 * Walks one master with a cursor, from 0 on. The next page and what is asked about the present one go out in one write,
 * so that the server works while we read. When the master is lost, its successor is walked from the start.
 *
 * @throws ServiceUnavailable when no successor came within the request time-out.
 */
export async function* scanMaster(
  client: RedisClient,
  start: RedisNode,
  plan: ScanPlan,
): AsyncGenerator<ScanPage> {
  const [firstSlot] = start.ranges[0]!;
  const retrier = new Retrier(client.options.requestTimeoutMs, plan.signal);
  let master = start;
  let restart = false;
  for (;;) {
    let connection: RedisConnection | undefined;
    try {
      connection = await client.dedicated(master.address);
      for await (const page of walk(connection, plan)) {
        yield { node: start.node, ...page, restart };
        restart = false;
        retrier.succeeded();
      }
      return;
    } catch (error) {
      plan.signal.throwIfAborted();
      if (!(error instanceof ServiceUnavailable)) throw error;
      await retrier.pause(error);
      // Where that fails, the next attempt says why.
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
): AsyncGenerator<Pick<ScanPage, 'keys' | 'answers'>> {
  const questions = plan.ask.map((words) => keyCommand(words));
  let seen = 0;
  let next = connection.single(scanCommand('0' as ByteString, plan.count, plan.pattern));
  for (;;) {
    const reply = await next;
    if (reply instanceof RedisError) throw refused(connection.node, reply, ['SCAN']);
    const [cursor, found] = reply as [cursor: ByteString, keys: ByteString[]];
    const keys = plan.limit === undefined ? found : found.slice(0, plan.limit - seen);
    seen += keys.length;
    const last = cursor === '0' || (plan.limit !== undefined && seen >= plan.limit);
    let text = '';
    for (const key of keys) for (const question of questions) text += question(key);
    const asked = keys.length * questions.length;
    const answers = asked > 0 ? connection.pipeline(text, asked) : Promise.resolve([]);
    // Both are awaited below; until then a lost connection must not count as unhandled.
    answers.catch(() => {});
    if (!last) {
      next = connection.single(scanCommand(cursor, plan.count, plan.pattern));
      next.catch(() => {});
    }
    yield { keys, answers: await answers };
    if (last) return;
  }
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
