import { type ByteString, toBytes } from '../lib/core/bytes.js';
import { configKey, partitionKeys, partitionOf } from '../lib/cache/write-behind/keys.js';
import { WriteBehind } from '../lib/cache/write-behind/writer.js';
import { openRedis } from '../lib/clients/redis/client.js';
import { cacheSteps } from '../lib/demo/cache-steps.js';
import { type OpenQueueWriter, queueSteps } from '../lib/demo/queue-steps.js';
import { rolloutSteps } from '../lib/demo/rollout-steps.js';

const timeouts = { connectTimeoutMs: 3000, requestTimeoutMs: 5000 };

/** Write-behind as a service has it, and how to leave no key of it behind. */
const openQueueWriter: OpenQueueWriter = async ({ url, tables, partitions, signal }) => {
  // Its own signal never aborts: the keys must go after a Ctrl-C, too.
  const client = await openRedis({ nodes: url.split(',') }, timeouts, new AbortController().signal);
  const keys = new Set<ByteString>();
  try {
    const queue = await WriteBehind.open(client, { tables, durability: 'memory', partitions, signal });
    return {
      async insert(key, table, row) {
        keys.add(toBytes(key));
        return (await queue.writeBehind(toBytes(key), undefined, { table, row }, 'insert')).operationId;
      },
      async remove() {
        queue.close();
        for (let partition = 0; partition < partitions; partition++)
          for (const key of Object.values(partitionKeys(partition))) await client.call(['UNLINK', key]);
        for (const key of keys)
          await client.call([
            'UNLINK',
            (partitionKeys(partitionOf(key, partitions)).held + key) as ByteString,
          ]);
        await client.call(['UNLINK', configKey]);
        client.close();
      },
    };
  } catch (error) {
    client.close();
    throw error;
  }
};

/** What `metrify demo` shows, in this order. */
export const demoGroups = [cacheSteps, queueSteps(openQueueWriter), rolloutSteps] as const;

export type DemoGroup = (typeof demoGroups)[number];
