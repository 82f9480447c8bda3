import { RedisBulk } from '../../clients/redis/bulk.js';
import { openRedis, parseInfo, type RedisClient } from '../../clients/redis/client.js';
import { setEncoder, unlinkCommand } from '../../clients/redis/commands.js';
import { notAsked } from '../../clients/redis/connection.js';
import { refused } from '../../clients/redis/refusals.js';
import { encodeCommand, RedisError, type Reply } from '../../clients/redis/resp.js';
import { refuseReplica, scanMaster, type ScanPage } from '../../clients/redis/scan.js';
import { asNumber, asText, asTextOrNull, asTexts } from '../../clients/redis/shapes.js';
import { SlotWatch } from '../../clients/redis/slot-watch.js';
import type { RedisSettings, Timeouts } from '../../clients/settings.js';
import { type ByteString, toBytes } from '../../core/bytes.js';
import { ServiceRefused, UserError } from '../../core/errors.js';
import { merge } from '../../core/merge.js';
import { redisGlob } from '../glob.js';
import { hashEncoder } from './hash.js';
import type {
  BulkLevel,
  Entry,
  KeyBatch,
  KeyInfo,
  BulkRemover,
  BulkWriter,
  NodeStatus,
  BulkRemoveOptions,
  ScanOptions,
  StoredValue,
  BulkWriteOptions,
} from '../bulk-level.js';

/** Redis, single or cluster, as a cache level. */
export async function openRedisBulkLevel(
  { name, settings, timeouts }: { name: string; settings: RedisSettings; timeouts: Timeouts },
  signal: AbortSignal,
): Promise<RedisBulkLevel> {
  return new RedisBulkLevel(name, await openRedis(settings, timeouts, signal));
}

export class RedisBulkLevel implements BulkLevel {
  readonly type = 'redis';
  readonly hashes = true;

  constructor(
    readonly name: string,
    readonly client: RedisClient,
  ) {}

  get target(): string {
    return this.client.target;
  }

  get address(): string {
    return this.client.address;
  }

  nodes(): Promise<NodeStatus[]> {
    return this.client.retried(() => this.#nodes());
  }

  #nodes(): Promise<NodeStatus[]> {
    return Promise.all(
      this.client.masters.map(async ({ node, address, ranges }) => {
        const connection = await this.client.connect(address);
        const [text, size] = await connection.pipeline(
          encodeCommand(['INFO', 'ALL']) + encodeCommand(['DBSIZE']),
          2,
        );
        if (text instanceof RedisError) throw refused(node, text, ['INFO']);
        if (size instanceof RedisError) throw refused(node, size, ['DBSIZE']);
        const info = parseInfo(asText(text, node));
        return {
          node,
          ...(info.redis_version ? { version: info.redis_version } : {}),
          keys: asNumber(size, node),
          memoryBytes: Number(info.used_memory),
          maxMemoryBytes: Number(info.maxmemory) || undefined,
          policy: info.maxmemory_policy,
          hits: Number(info.keyspace_hits),
          misses: Number(info.keyspace_misses),
          evictions: Number(info.evicted_keys),
          expired: Number(info.expired_keys),
          fragmentation: Number(info.mem_fragmentation_ratio),
          slots: this.client.cluster ? ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0) : undefined,
        };
      }),
    );
  }

  listeners(): Promise<string[]> {
    return this.client.retried(() => this.#listeners());
  }

  async #listeners(): Promise<string[]> {
    const found: string[] = [];
    for (const { node, address } of this.client.masters) {
      const connection = await this.client.connect(address);
      const [events, info] = await connection.pipeline(
        encodeCommand(['CONFIG', 'GET', toBytes('notify-keyspace-events')]) + encodeCommand(['INFO', 'ALL']),
        2,
      );
      // CONFIG may be forbidden; then only the client list can tell.
      const flags = Array.isArray(events) ? ((events[1] as string | undefined) ?? '') : '';
      if (/[KE]/.test(flags) && /[gA]/.test(flags))
        found.push(`keyspace notifications are on at ${node} (${flags})`);
      const tracking = typeof info === 'string' ? Number(parseInfo(info).tracking_clients ?? 0) : 0;
      if (tracking > 0) found.push(`${tracking} client(s) of ${node} track keys for client-side caching`);
    }
    return found;
  }

  async writer(options: BulkWriteOptions): Promise<BulkWriter> {
    refuseReplica(this.client);
    const { target } = this;
    const encodeHash = hashEncoder(this.client.cluster);
    const encodeSet = setEncoder(options.nx);
    const bulk = new RedisBulk<Entry>(this.client, {
      signal: options.signal,
      batch: 250,
      // What is under way keeps the server busy while rows are read and encoded.
      window: 8,
      keyOf: (entry) => entry.key,
      encode: ({ key, value, ttlMs }) =>
        typeof value === 'string'
          ? encodeSet(key, value, ttlMs)
          : encodeHash({ key, fields: value, ttlMs, nx: options.nx }),
      settled(entry, reply, repeated) {
        if (reply === 'OK' || reply === 1) options.settled(entry, 'written');
        else if (reply === null || reply === 0) options.settled(entry, repeated ? 'unclear' : 'skipped');
        else if (reply instanceof RedisError) options.settled(entry, 'failed', reply.message);
        else throw notAsked(target);
      },
    });
    return {
      write: (entries) => bulk.execute(entries),
      drain: () => bulk.drain(),
      get restarts() {
        return bulk.restarts;
      },
      close: () => bulk.close(),
    };
  }

  async remover(options: BulkRemoveOptions): Promise<BulkRemover> {
    refuseReplica(this.client);
    const { target } = this;
    // Small writes: between two of them the server answers its other clients.
    const bulk = new RedisBulk<ByteString>(this.client, {
      signal: options.signal,
      batch: 100,
      window: 4,
      keyOf: (key) => key,
      encode: unlinkCommand,
      settled(key, reply, repeated) {
        if (reply instanceof RedisError) throw new ServiceRefused(`UNLINK was refused: ${reply.message}`);
        options.settled(key, asNumber(reply, target) === 1 ? 'removed' : repeated ? 'unclear' : 'gone');
      },
    });
    return {
      remove: (keys) => bulk.execute(keys),
      drain: () => bulk.drain(),
      close: () => bulk.close(),
    };
  }

  async *scan({ signal, pattern, details, limit }: ScanOptions): AsyncIterable<KeyBatch> {
    // A sample is an estimate, whatever moves.
    const watch = this.client.cluster && limit === undefined ? await SlotWatch.start(this.client) : undefined;
    const { masters, target } = this.client;
    const [{ policy } = {}] = await this.nodes();
    const lfu = policy?.includes('lfu') ?? false;
    if (details.idle && lfu)
      throw new UserError(`idle times are not kept under the eviction policy ${policy}`, {
        hint: 'Use --pattern or --no-ttl, or an LRU policy.',
      });
    const questions: { ask: (Uppercase<string> | undefined)[]; put(info: KeyInfo, reply: Reply): void }[] =
      [];
    const ask = (words: (Uppercase<string> | undefined)[], put: (info: KeyInfo, reply: Reply) => void) =>
      questions.push({ ask: words, put });
    if (details.size) {
      ask(['TYPE', undefined], (info, reply) => (info.type = asText(reply, target)));
      ask(['MEMORY', 'USAGE', undefined], (info, reply) => (info.bytes = asNumber(reply ?? 0, target)));
    }
    if (details.ttl) ask(['PTTL', undefined], (info, reply) => (info.ttlMs = asNumber(reply, target)));
    if (details.idle)
      ask(
        ['OBJECT', 'IDLETIME', undefined],
        (info, reply) => (info.idleMs = asNumber(reply ?? 0, target) * 1000),
      );
    if (details.frequency && lfu)
      ask(['OBJECT', 'FREQ', undefined], (info, reply) => (info.frequency = asNumber(reply ?? 0, target)));

    const sizes = await this.client.retried(() => this.#sizes());
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const walks = masters.map((master, i) =>
      describe(
        scanMaster(this.client, master, {
          signal,
          pattern: pattern === undefined ? undefined : redisGlob(pattern),
          count: questions.length > 0 ? 1000 : 300,
          ask: questions.map((question) => question.ask),
          // A sample is shared over the masters in proportion to their keys.
          limit: limit === undefined ? undefined : Math.ceil((limit * sizes[i]!) / Math.max(1, total)),
        }),
        questions,
      ),
    );
    yield* merge(walks);
    const movedSlots = (await watch?.moved()) ?? 0;
    if (movedSlots > 0) yield { node: masters[0]!.node, keys: [], movedSlots };
  }

  read(keys: ByteString[]): Promise<(StoredValue | null)[]> {
    return this.client.retried(() => this.#read(keys));
  }

  async #read(keys: ByteString[]): Promise<(StoredValue | null)[]> {
    const values: (StoredValue | null)[] = new Array<null>(keys.length).fill(null);
    const byNode = groupBy(keys.keys(), (i) => this.client.masterOf(keys[i]!).node);
    await Promise.all(
      [...byNode.values()].map(async (indices) => {
        const connection = await this.client.connect(this.client.masterOf(keys[indices[0]!]!).address);
        const ask = (word: Uppercase<string>, some: number[]) =>
          connection.pipeline(some.map((i) => encodeCommand([word, keys[i]!])).join(''), some.length);
        const replies = await ask('GET', indices);
        const others = indices.filter((_, n) => isWrongType(replies[n]));
        const hashes = others.length > 0 ? await ask('HGETALL', others) : [];
        for (const [n, i] of indices.entries()) {
          const reply = isWrongType(replies[n]) ? hashes.shift()! : replies[n]!;
          values[i] = await this.#value(keys[i]!, reply);
        }
      }),
    );
    return values;
  }

  async ttl(key: ByteString): Promise<number> {
    return asNumber(await this.client.call(['PTTL', key]), this.target);
  }

  async elements(keys: KeyInfo[]): Promise<(number | undefined)[]> {
    const command: Record<string, Uppercase<string>> = {
      string: 'STRLEN',
      list: 'LLEN',
      set: 'SCARD',
      zset: 'ZCARD',
      hash: 'HLEN',
      stream: 'XLEN',
    };
    return Promise.all(
      keys.map(async ({ key, type }) => {
        const word = command[type ?? ''];
        if (word === undefined) return undefined;
        const reply = await this.client.call([word, key]).catch(() => undefined);
        return typeof reply === 'number' ? reply : undefined;
      }),
    );
  }

  async close(): Promise<void> {
    this.client.close();
  }

  /** From the answer to GET or HGETALL; where that was a redirect or a passing error, single commands follow it. */
  async #value(key: ByteString, reply: Reply): Promise<StoredValue | null> {
    if (reply === null || typeof reply === 'string') return reply;
    if (Array.isArray(reply)) return asTexts(reply, this.target);
    if (isWrongType(reply)) return [];
    for (const word of ['GET', 'HGETALL'] as const) {
      try {
        const value = await this.client.call([word, key]);
        return Array.isArray(value) ? asTexts(value, this.target) : asTextOrNull(value, this.target);
      } catch (error) {
        if (!isWrongType(error)) throw error;
      }
    }
    return [];
  }

  /** Keys on each master. */
  #sizes(): Promise<number[]> {
    return Promise.all(
      this.client.masters.map(async ({ address, node }) =>
        asNumber(await (await this.client.connect(address)).call(['DBSIZE']), node),
      ),
    );
  }
}

async function* describe(
  pages: AsyncIterable<ScanPage>,
  questions: { put(info: KeyInfo, reply: Reply): void }[],
): AsyncGenerator<KeyBatch> {
  for await (const { node, keys, answers, restart } of pages) {
    let at = 0;
    const infos: KeyInfo[] = [];
    for (const key of keys) {
      const info: KeyInfo = { key };
      let gone = false;
      for (const { put } of questions) {
        const reply = answers[at++]!;
        // A key that went away between SCAN and the question.
        if (reply instanceof RedisError || reply === -2 || reply === 'none') gone = true;
        else put(info, reply);
      }
      if (!gone) infos.push(info);
    }
    yield { node, keys: infos, ...(restart ? { restart } : {}) };
  }
}

function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function isWrongType(reply: unknown): boolean {
  return reply instanceof RedisError && reply.code === 'WRONGTYPE';
}
