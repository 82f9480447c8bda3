import type { ByteString } from '../../core/bytes.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { nodeName, type RedisClient, type RedisNode } from './client.js';
import { keyCommand, scanCommand } from './commands.js';
import type { RedisConnection } from './connection.js';
import { refused } from './refusals.js';
import { RedisError, type Reply } from './resp.js';
import { Retrier } from './retrier.js';
import { asPage } from './shapes.js';

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
 * Walks one master with a cursor, from 0 on. The next page and what is asked about the present one go out in one
 * pipeline, whose answers are known to be these, so that the server works while the page before is read. When the master is lost, its successor is walked from the start.
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
  const readPage = (reply: Reply | undefined): Page => {
    if (reply instanceof RedisError) throw refused(connection.node, reply, ['SCAN']);
    const { cursor, found } = asPage(reply, connection.node);
    const keys = plan.limit === undefined ? found : found.slice(0, plan.limit - seen);
    seen += keys.length;
    return { keys, cursor, last: cursor === '0' || (plan.limit !== undefined && seen >= plan.limit) };
  };
  const askAbout = ({ keys, cursor, last }: Page): Promise<Reply[]> => {
    const asked = keys.length * questions.length + (last ? 0 : 1);
    if (asked === 0) return Promise.resolve([]);
    let text = '';
    for (const key of keys) for (const question of questions) text += question(key);
    return connection.pipeline(last ? text : text + scanCommand(cursor, plan.count, plan.pattern), asked);
  };
  const [first] = await connection.pipeline(scanCommand('0' as ByteString, plan.count, plan.pattern), 1);
  let page = readPage(first);
  let coming = askAbout(page);
  for (;;) {
    const answers = await coming;
    const { keys, last } = page;
    if (!last) {
      page = readPage(answers.pop());
      coming = askAbout(page);
      // Awaited in the next round; until then a lost connection must not count as unhandled.
      coming.catch(() => {});
    }
    yield { keys, answers };
    if (last) return;
  }
}

interface Page {
  keys: ByteString[];
  cursor: ByteString;
  last: boolean;
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
