import { randomInt } from 'node:crypto';

import type { Cluster, HazelcastConnection } from '../../clients/hazelcast/connection.js';
import { entryDetails } from '../../clients/hazelcast/entry.js';
import { keysOfPartition, representatives } from '../../clients/hazelcast/partitions.js';
import { keyBytes, toStored } from '../../clients/hazelcast/strings.js';
import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { UserError } from '../../core/errors.js';
import { compileGlob } from '../glob.js';
import type { KeyBatch, KeyInfo, ScanOptions } from '../bulk-level.js';

const partitionsAtOnce = 4;
const viewsAtOnce = 1024;

/**
 * Walks the map partition by partition, in random order: as keys are spread over the partitions by their hash, the
 * first ones are a sample. When the cluster's memory was lost meanwhile, the walk starts again.
 * Keys that are neither text nor bytes are not ours, and left out.
 */
export async function* scanMap(
  connection: HazelcastConnection,
  clock: Clock,
  { signal, pattern, details, limit = Infinity }: ScanOptions,
): AsyncGenerator<KeyBatch> {
  const matches = pattern === undefined ? () => true : compileGlob(pattern);
  const wantsViews = details.ttl === true || details.size === true || details.idle === true;
  const nodes = new Set<string>();
  for (;;) {
    const { restarts } = connection;
    const keys = await connection.run(({ client }) => Promise.resolve(representatives(client)), signal);
    const partitions = shuffled(keys.map((_, partition) => partition));
    let left = limit;
    for (
      let at = 0;
      at < partitions.length && left > 0 && connection.restarts === restarts;
      at += partitionsAtOnce
    ) {
      const batches = await Promise.all(
        partitions.slice(at, at + partitionsAtOnce).map(async (partition) => {
          signal.throwIfAborted();
          const read = async (cluster: Cluster) => ({
            node: ownerOf(cluster, partition, connection.target.label),
            found: await keysOfPartition(cluster, connection.module, keys[partition]!),
          });
          const { node, found } = await connection.run(read, signal);
          return {
            node,
            keys: found.map(keyBytes).filter((key) => key !== undefined && matches(key)) as ByteString[],
          };
        }),
      );
      for (const { node, keys: found } of batches) {
        const some = found.slice(0, left);
        left -= some.length;
        nodes.add(node);
        for (let from = 0; from < some.length; from += viewsAtOnce) {
          signal.throwIfAborted();
          const part = some.slice(from, from + viewsAtOnce);
          const infos = wantsViews
            ? await connection.run((cluster) => describe(cluster, part, details, clock), signal)
            : part.map((key): KeyInfo => ({ key, type: 'entry' }));
          if (infos.length > 0) yield { node, keys: infos };
        }
      }
    }
    if (connection.restarts === restarts) return;
    for (const node of nodes) yield { node, keys: [], restart: true };
    nodes.clear();
  }
}

async function describe(
  cluster: Cluster,
  keys: ByteString[],
  wanted: ScanOptions['details'],
  clock: Clock,
): Promise<KeyInfo[]> {
  const infos = await Promise.all(
    keys.map(async (key): Promise<KeyInfo | undefined> => {
      const details = await entryDetails(cluster, toStored(key));
      if (details === undefined) return undefined;
      const { expiresAt, bytes, usedAt } = details;
      const info: KeyInfo = { key, type: 'entry' };
      if (wanted.ttl) info.ttlMs = expiresAt === undefined ? -1 : Math.max(0, expiresAt - clock.now());
      if (wanted.size) info.bytes = bytes;
      if (wanted.idle) {
        if (usedAt === undefined) throw noStatistics(cluster.map.getName());
        info.idleMs = Math.max(0, clock.now() - usedAt);
      }
      return info;
    }),
  );
  // An entry can end between its key and the question.
  return infos.filter((info) => info !== undefined);
}

function noStatistics(map: string): UserError {
  return new UserError(`idle times are not kept by the map '${map}'`, {
    code: 'NO_IDLE_TIMES',
    hint: 'Set per-entry-stats-enabled: true for the map on every member, or use --pattern or --no-ttl.',
  });
}

/** `host:port` of the member that holds the partition. */
export function ownerOf({ client }: Cluster, partition: number, otherwise: string): string {
  const owner = client.getPartitionService().getPartitionOwner(partition)?.toString();
  const member = client
    .getCluster()
    .getMembers()
    .find(({ uuid }) => uuid.toString() === owner);
  return member?.address.toString() ?? otherwise;
}

function shuffled<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}
