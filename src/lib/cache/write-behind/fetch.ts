import type { RedisClient } from '../../clients/redis/client.js';
import { type CommandPart, encodeCommand, RedisError, type Reply } from '../../clients/redis/resp.js';
import { answered } from '../../clients/redis/refusals.js';
import { toBytes, type ByteString } from '../../core/bytes.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { type Parsed, parseEntry } from './entry.js';
import type { PartitionKeys } from './keys.js';
import type { RowKinds } from './row-kinds.js';
import { fetchHeld } from './scripts.js';

/** What is next in a partition: from the retry stream while it has anything, else from the stream. */
export interface Fetched {
  from: 'S' | 'R';
  /** In order. */
  items: Parsed[];
  /** Number of the latest entry ever queued, as far as Redis knows. */
  counter: number;
  /** Highest number that left the stream in order. */
  done: number;
}

/** One look at a partition, all of it at one instant. @returns undefined when the lease is lost. */
export async function fetchEntries(
  client: RedisClient,
  keys: PartitionKeys,
  lease: ByteString,
  count: number,
  kinds: RowKinds,
): Promise<Fetched | undefined> {
  const commands: CommandPart[][] = [
    ['MULTI'],
    ['GET', keys.lease],
    ['HLEN', keys.blocked],
    ['GET', keys.counter],
    ['HGET', keys.progress, toBytes('done')],
    ['XRANGE', keys.retry, '-', '+', 'COUNT', `${count}`],
    ['XRANGE', keys.stream, '-', '+', 'COUNT', `${count}`],
    ['EXEC'],
  ];
  const { address, node } = client.masterOf(keys.stream);
  const connection = await client.connect(address);
  const replies = await connection.pipeline(commands.map(encodeCommand).join(''), commands.length);
  const answer = replies.at(-1);
  if (!Array.isArray(answer)) {
    const reason = replies.find((reply) => reply instanceof RedisError);
    // A server whose memory is full takes not even reads into a transaction, but a script may read.
    if (reason?.code === 'OOM') return fetchBeside(client, keys, lease, count, kinds);
    throw new ServiceUnavailable(`Redis at ${node} answered: ${reason?.message ?? 'nothing'}`, {
      code: 'REDIS_ERROR',
    });
  }
  for (const [i, reply] of answer.entries())
    if (reply instanceof RedisError) throw answered(node, commands[i + 1]!, reply);
  const [holder, held, counter, done, retry, stream] = answer as [
    string | null,
    number,
    string | null,
    string | null,
    Reply[],
    Reply[],
  ];
  if (holder !== lease) return undefined;
  const position = { counter: Number(counter ?? 0), done: Number(done ?? 0) };
  if (held > 0) return fetchBeside(client, keys, lease, count, kinds);
  const from = retry.length > 0 ? 'R' : 'S';
  const items = (from === 'R' ? retry : stream).map((reply) => parseEntry(reply, kinds));
  return { from, items, ...position };
}

/** The same where keys are held back: the server says which entries are theirs. */
async function fetchBeside(
  client: RedisClient,
  keys: PartitionKeys,
  lease: ByteString,
  count: number,
  kinds: RowKinds,
): Promise<Fetched | undefined> {
  const answer = await fetchHeld.run(
    client,
    [keys.lease, keys.retry, keys.stream, keys.blocked, keys.counter, keys.progress],
    [lease, `${count}`],
  );
  if (answer === null) return undefined;
  const [from, list, flags, counter, done] = answer as [
    'S' | 'R',
    Reply[],
    number[],
    string | null,
    string | null,
  ];
  return {
    from,
    items: list.map((reply, at) => parseEntry(reply, kinds, flags[at] === 1)),
    counter: Number(counter ?? 0),
    done: Number(done ?? 0),
  };
}
