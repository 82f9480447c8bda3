import { abortable } from '../../core/abortable.js';
import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { parseAddress } from '../../clients/memcached/address.js';
import { MemcachedBulk } from '../../clients/memcached/bulk.js';
import { deleteCommand, expiryOf, keyProblem, storeCommand } from '../../clients/memcached/commands.js';
import { MemcachedConnection } from '../../clients/memcached/connection.js';
import { GetExchange, LineExchange, Refusal, StatsExchange } from '../../clients/memcached/exchange.js';
import { createRing, type Ring } from '../../clients/memcached/ketama.js';
import type { MemcachedSettings, Timeouts } from '../../clients/settings.js';
import type {
  BulkLevel,
  Entry,
  KeyBatch,
  BulkRemover,
  BulkWriter,
  NodeStatus,
  BulkRemoveOptions,
  ScanOptions,
  StoredValue,
  BulkWriteOptions,
} from '../bulk-level.js';
import { scanServer } from './scan.js';

export interface MemcachedLevelOptions {
  name: string;
  settings: MemcachedSettings;
  timeouts: Timeouts;
  clock: Clock;
}

const keysPerGet = 100;

/** Connects to every server. @throws ServiceUnavailable, ServiceRefused. */
export async function openMemcachedBulkLevel(
  options: MemcachedLevelOptions,
  signal: AbortSignal,
): Promise<BulkLevel> {
  const { settings, timeouts, clock } = options;
  const addresses = settings.servers.map(parseAddress);
  const attempts = await Promise.allSettled(
    addresses.map((address) => MemcachedConnection.open(address, timeouts, clock, signal)),
  );
  const connections = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
  const failed = attempts.find((attempt) => attempt.status === 'rejected');
  if (failed) {
    for (const connection of connections) connection.close();
    throw failed.reason;
  }
  return new MemcachedBulkLevel(options, connections, createRing(addresses, settings.hashing));
}

class MemcachedBulkLevel implements BulkLevel {
  readonly type = 'memcached';
  readonly hashes = false;
  readonly name: string;
  readonly target: string;
  readonly address: string;

  constructor(
    private readonly options: MemcachedLevelOptions,
    private readonly connections: MemcachedConnection[],
    private readonly ring: Ring,
  ) {
    this.name = options.name;
    this.target = connections.map(({ address }) => address.label).join(', ');
    this.address = connections[0]!.address.label;
  }

  nodes(signal: AbortSignal): Promise<NodeStatus[]> {
    return abortable(Promise.all(this.connections.map(nodeStatus)), signal);
  }

  /** Clients that `watch` a server's log are told of removals. */
  async listeners(signal: AbortSignal): Promise<string[]> {
    const counts = await abortable(
      Promise.all(
        this.connections.map(async (connection) => {
          const stats = await connection.request(new StatsExchange('conns')).catch(ignoreRefusal);
          const watchers = [...stats.values()].filter((state) => state === 'conn_watch').length;
          return { label: connection.address.label, watchers };
        }),
      ),
      signal,
    );
    return counts
      .filter(({ watchers }) => watchers > 0)
      .map(
        ({ label, watchers }) =>
          `${watchers} ${watchers === 1 ? 'client watches' : 'clients watch'} the log of ${label}`,
      );
  }

  writer({ nx, signal, settled }: BulkWriteOptions): Promise<BulkWriter> {
    const verb = nx ? 'add' : 'set';
    const bulk = new MemcachedBulk<Entry>({
      connections: this.connections,
      signal,
      route: (entry) => this.ring(entry.key),
      encode: (entry) =>
        storeCommand(
          verb,
          entry.key,
          expiryOf(entry.ttlMs, () => this.serverNow(entry.key)),
          entry.value as ByteString,
        ),
      size: (entry) => entry.key.length + entry.value.length + 32,
      settled: (entry, line, repeated) => {
        if (line === 'STORED') settled(entry, 'written');
        else if (line === 'NOT_STORED') settled(entry, repeated ? 'unclear' : 'skipped');
        else settled(entry, 'failed', storeProblem(line));
      },
    });
    const acceptable = (entry: Entry): boolean => {
      const problem = Array.isArray(entry.value) ? 'memcached has no hashes' : keyProblem(entry.key);
      if (problem !== undefined) settled(entry, 'failed', problem);
      return problem === undefined;
    };
    return Promise.resolve({
      get restarts() {
        return bulk.restarts;
      },
      write: (entries) => bulk.push(entries.filter(acceptable)),
      drain: () => bulk.drain(),
      close: () => Promise.resolve(bulk.close()),
    });
  }

  remover({ signal, settled }: BulkRemoveOptions): Promise<BulkRemover> {
    const bulk = new MemcachedBulk<ByteString>({
      connections: this.connections,
      signal,
      route: this.ring,
      encode: deleteCommand,
      size: (key) => key.length + 9,
      settled: (key, line, repeated) =>
        settled(key, line === 'DELETED' || line === 'HD' ? 'removed' : repeated ? 'unclear' : 'gone'),
    });
    return Promise.resolve({
      remove: (keys) => bulk.push(keys),
      drain: () => bulk.drain(),
      close: () => Promise.resolve(bulk.close()),
    });
  }

  async *scan(options: ScanOptions): AsyncGenerator<KeyBatch> {
    const shares = await this.shares(options.limit, options.signal);
    for (const [index, connection] of this.connections.entries()) {
      yield* scanServer(connection, { ...options, ...this.options, limit: shares[index] });
    }
  }

  async read(keys: ByteString[], signal: AbortSignal): Promise<(StoredValue | null)[]> {
    const lanes = this.connections.map((): ByteString[] => []);
    for (const key of new Set(keys)) if (keyProblem(key) === undefined) lanes[this.ring(key)]!.push(key);
    const answers = lanes.flatMap((lane, index) =>
      chunks(lane, keysPerGet).map((some) => this.connections[index]!.request(new GetExchange(some))),
    );
    const values = new Map<ByteString, ByteString>();
    for (const answer of await abortable(Promise.all(answers), signal))
      for (const [key, value] of answer) values.set(key, value);
    return keys.map((key) => values.get(key) ?? null);
  }

  /** In whole seconds, as the server counts. */
  async ttl(key: ByteString, signal: AbortSignal): Promise<number> {
    if (keyProblem(key) !== undefined) return -2;
    const index = this.ring(key);
    const line = await abortable(this.connections[index]!.request(new LineExchange(`mg ${key} t`)), signal);
    const seconds = /^HD t(-?\d+)/.exec(line)?.[1];
    if (seconds !== undefined) return seconds === '-1' ? -1 : Number(seconds) * 1000;
    if (line === 'EN') return -2;
    throw new ServiceUnavailable(
      `memcached at ${this.labelOf(index)} did not tell the time to live: ${line}`,
      {
        hint: 'That needs memcached 1.6 or newer.',
      },
    );
  }

  elements(keys: unknown[]): Promise<undefined[]> {
    return Promise.resolve(keys.map(() => undefined));
  }

  close(): Promise<void> {
    for (const connection of this.connections) connection.close();
    return Promise.resolve();
  }

  /** The limit, shared in proportion to what the servers hold. */
  private async shares(limit: number | undefined, signal: AbortSignal): Promise<(number | undefined)[]> {
    if (limit === undefined) return this.connections.map(() => undefined);
    const nodes = await this.nodes(signal);
    const total = nodes.reduce((sum, node) => sum + node.keys, 0);
    return nodes.map((node) => (total === 0 ? 0 : Math.ceil((limit * node.keys) / total)));
  }

  private serverNow(key: ByteString): number {
    return this.connections[this.ring(key)]!.serverNow();
  }

  private labelOf(index: number): string {
    return this.connections[index]!.address.label;
  }
}

async function nodeStatus(connection: MemcachedConnection): Promise<NodeStatus> {
  const [general, slabs, settings] = await Promise.all([
    connection.request(new StatsExchange()),
    connection.request(new StatsExchange('slabs')).catch(ignoreRefusal),
    connection.request(new StatsExchange('settings')).catch(ignoreRefusal),
  ]);
  const number = (name: string): number => Number(general.get(name) ?? 0);
  const allocated = Number(slabs.get('total_malloced') ?? 0);
  const bytes = number('bytes');
  return {
    node: connection.address.label,
    version: general.get('version') ?? 'unknown',
    keys: number('curr_items'),
    memoryBytes: bytes,
    maxMemoryBytes: number('limit_maxbytes'),
    policy:
      settings.get('evictions') === 'off'
        ? 'noeviction'
        : settings.get('lru_segmented') === 'yes'
          ? 'segmented lru'
          : 'lru',
    hits: number('get_hits'),
    misses: number('get_misses'),
    evictions: number('evictions'),
    fragmentation: bytes > 0 && allocated > 0 ? allocated / bytes : undefined,
  };
}

/** Proxies and old versions do not know every kind of statistics. */
function ignoreRefusal(error: Error): Map<string, string> {
  if (!(error.cause instanceof Refusal)) throw error;
  return new Map();
}

function storeProblem(line: string): string {
  if (line.includes('too large')) return 'the value is larger than memcached takes (-I, by default 1 MB)';
  if (line.includes('out of memory')) return 'memcached is full and evicts nothing (-M), or not enough';
  return `memcached answered: ${line}`;
}

function chunks<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
