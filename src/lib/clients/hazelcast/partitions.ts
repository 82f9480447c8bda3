import type { Client } from 'hazelcast-client';

import type { Cluster, HazelcastModule } from './connection.js';

/** Java's `Predicates.partitionPredicate`, which the client lacks: a query of one partition. */
const predicateFactory = -20;
const partitionPredicate = 16;

/**
 * The keys of one partition. Reading a map partition by partition walks it once, and needs memory for one
 * partition's share of the keys (by default 1 in 271); paging would sort all keys again for every page.
 */
export function keysOfPartition(
  { map }: Cluster,
  { Predicates }: HazelcastModule,
  representative: number,
): Promise<unknown[]> {
  return map.keySetWithPredicate({
    factoryId: predicateFactory,
    classId: partitionPredicate,
    readData: () => {},
    writeData: (output) => {
      output.writeObject(representative);
      output.writeObject(Predicates.alwaysTrue());
    },
  });
}

/** For each partition a key that falls into it. */
export function representatives(client: Client): number[] {
  const service = client.getPartitionService();
  const found: number[] = [];
  const count = service.getPartitionCount();
  for (let key = 0, left = count; left > 0; key++) {
    const partition = service.getPartitionId(key);
    if (found[partition] !== undefined) continue;
    found[partition] = key;
    left--;
  }
  return found;
}
