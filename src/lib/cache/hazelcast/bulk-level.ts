import { defaultMap } from '../../clients/hazelcast/address.js';
import { HazelcastBulk, inLanes } from '../../clients/hazelcast/bulk.js';
import { type Cluster, HazelcastConnection } from '../../clients/hazelcast/connection.js';
import { entryDetails } from '../../clients/hazelcast/entry.js';
import { memberVersion } from '../../clients/hazelcast/member.js';
import { keysOfPartition, representatives } from '../../clients/hazelcast/partitions.js';
import { keyBytes, toStored, valueBytes } from '../../clients/hazelcast/strings.js';
import { abortable } from '../../core/abortable.js';
import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import type { HazelcastSettings, Timeouts } from '../../clients/settings.js';
import { ownerOf, scanMap } from './scan.js';
import { HazelcastWriter } from './writer.js';
import type {
  BulkLevel,
  KeyBatch,
  BulkRemover,
  BulkWriter,
  NodeStatus,
  BulkRemoveOptions,
  ScanOptions,
  StoredValue,
  BulkWriteOptions,
} from '../bulk-level.js';

export interface HazelcastLevelOptions {
  name: string;
  settings: HazelcastSettings;
  timeouts: Timeouts;
  clock: Clock;
}

const keysPerGet = 1000;
const keysPerEstimate = 200;

/** Connects to a member, and through it to the cluster. @throws ServiceUnavailable, ServiceRefused. */
export async function openHazelcastBulkLevel(
  { name, settings, timeouts, clock }: HazelcastLevelOptions,
  signal: AbortSignal,
): Promise<BulkLevel> {
  return new HazelcastBulkLevel(
    name,
    await HazelcastConnection.open(settings, timeouts, clock, signal),
    clock,
  );
}

/** A map of a Hazelcast cluster. */
class HazelcastBulkLevel implements BulkLevel {
  readonly type = 'hazelcast';
  readonly hashes = false;
  readonly target: string;
  readonly address: string;

  constructor(
    readonly name: string,
    private readonly connection: HazelcastConnection,
    private readonly clock: Clock,
  ) {
    const { members, label, map } = connection.target;
    this.target = `${label} (map ${map})`;
    this.address = `${members[0]}${map === defaultMap ? '' : `/${map}`}`;
  }

  /**
   * A map's size is known for the cluster only: each member is given the share that it has of the partitions. Memory
   * is estimated from a sample of entries. Members keep their counters of hits and evictions to themselves.
   */
  nodes(signal: AbortSignal): Promise<NodeStatus[]> {
    const ask = async (cluster: Cluster): Promise<NodeStatus[]> => {
      const [size, entryBytes] = await Promise.all([cluster.map.size(), this.averageBytes(cluster)]);
      const members = cluster.client
        .getCluster()
        .getMembers()
        .filter(({ liteMember }) => !liteMember);
      const count = cluster.client.getPartitionService().getPartitionCount();
      const owned = new Map<string, number>();
      for (let partition = 0; partition < count; partition++) {
        const owner = ownerOf(cluster, partition, this.connection.target.label);
        owned.set(owner, (owned.get(owner) ?? 0) + 1);
      }
      let partitions = 0;
      let keys = 0;
      return members.map((member) => {
        const node = member.address.toString();
        partitions += owned.get(node) ?? 0;
        const share = Math.round((size * partitions) / count) - keys;
        keys += share;
        return {
          node,
          version: memberVersion(member) ?? 'unknown',
          keys: share,
          memoryBytes: Math.round(share * entryBytes),
        };
      });
    };
    return abortable(this.connection.run(ask, signal), signal);
  }

  /** Members do not tell who listens to a map's entries. */
  listeners(): Promise<string[]> {
    return Promise.resolve([]);
  }

  writer(options: BulkWriteOptions): Promise<BulkWriter> {
    return Promise.resolve(new HazelcastWriter(this.connection, this.clock, options));
  }

  /** Evicts: what is removed here stays in the data store behind a map that has one. */
  remover({ signal, settled }: BulkRemoveOptions): Promise<BulkRemover> {
    let closed = false;
    const bulk = new HazelcastBulk<{ key: ByteString; sent: boolean; settled: boolean }>({
      connection: this.connection,
      signal,
      size: ({ key }) => key.length + 64,
      send: async ({ map }, items) => {
        await inLanes(items, async (item) => {
          if (item.settled) return;
          const repeated = item.sent;
          item.sent = true;
          const removed = await map.evict(toStored(item.key));
          // After a lost connection the first answer counts.
          if (!closed && !item.settled)
            settled(item.key, removed ? 'removed' : repeated ? 'unclear' : 'gone');
          item.settled = true;
        });
      },
    });
    return Promise.resolve({
      remove: (keys) => bulk.push(keys.map((key) => ({ key, sent: false, settled: false }))),
      drain: () => bulk.drain(),
      close: () => {
        closed = true;
        return Promise.resolve();
      },
    });
  }

  scan(options: ScanOptions): AsyncIterable<KeyBatch> {
    return scanMap(this.connection, this.clock, options);
  }

  async read(keys: ByteString[], signal: AbortSignal): Promise<(StoredValue | null)[]> {
    const values = new Map<ByteString, ByteString>();
    for (let at = 0; at < keys.length; at += keysPerGet) {
      const some = keys.slice(at, at + keysPerGet).map(toStored);
      const found = await abortable(
        this.connection.run(({ map }) => map.getAll(some), signal),
        signal,
      );
      for (const [key, value] of found) {
        const bytes = keyBytes(key);
        if (bytes !== undefined) values.set(bytes, valueBytes(value));
      }
    }
    return keys.map((key) => values.get(key) ?? null);
  }

  /** In whole seconds, as members count. */
  async ttl(key: ByteString, signal: AbortSignal): Promise<number> {
    const ask = (cluster: Cluster) => entryDetails(cluster, toStored(key));
    const details = await abortable(this.connection.run(ask, signal), signal);
    if (details === undefined) return -2;
    return details.expiresAt === undefined ? -1 : Math.max(0, details.expiresAt - this.clock.now());
  }

  elements(keys: unknown[]): Promise<undefined[]> {
    return Promise.resolve(keys.map(() => undefined));
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  /** Bytes of an entry with its overhead, from the keys of one partition, or of the next that has any. */
  private async averageBytes(cluster: Cluster): Promise<number> {
    for (const representative of representatives(cluster.client)) {
      const keys = await keysOfPartition(cluster, this.connection.module, representative);
      const some = keys
        .map(keyBytes)
        .filter((key) => key !== undefined)
        .slice(0, keysPerEstimate);
      const details = await Promise.all(some.map((key) => entryDetails(cluster, toStored(key))));
      const sizes = details.flatMap((entry) => entry?.bytes ?? []);
      if (sizes.length > 0) return sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length;
    }
    return 0;
  }
}
