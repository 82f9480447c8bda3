import { tmpdir } from 'node:os';

import { configKey, partitionKeys, partitionOf } from '../lib/cache/write-behind/keys.js';
import { WriteBehind } from '../lib/cache/write-behind/writer.js';
import { openRedis } from '../lib/clients/redis/client.js';
import type { OpenQueueWriter } from '../lib/demo/queue-steps.js';
import { type DemoResult, runDemo } from '../lib/demo/script.js';
import { formatCount, formatDuration } from '../lib/core/units.js';
import { readCommand } from '../runtime/command.js';
import { flag } from '../runtime/flags.js';
import { toBytes, type ByteString } from '../lib/core/bytes.js';

export const demo = readCommand({
  name: 'demo',
  summary: 'see metrify work on a small town in under a minute',
  description:
    'Starts an embedded PostgreSQL with the meters of a small town and a small HTTP service, and does what an SRE ' +
    'would do: measure the service cold, warm its cache from SQL, inspect it, measure again, flush; then queue a burst of ' +
    'writes, kill the worker, and see that nothing is lost; then promote a good version and reject a bad one. The cache is Redis where METRIFY_REDIS_URL or redis-server is there, else a table in PostgreSQL. A Redis that holds keys ' +
    'is left alone. No process and no file stays.',
  flags: {
    quick: flag.boolean('a smaller town: 20,000 readings instead of 200,000'),
  },
  examples: [
    { does: 'the whole tour', command: 'metrify demo' },
    { does: 'a shorter one, for a CI step', command: 'metrify demo --quick --json' },
  ],

  async read({ quick }, context) {
    const result = await runDemo({
      quick,
      self: context.self,
      env: context.env,
      temporaryFolder: tmpdir(),
      signal: context.signal,
      narrator: context.narrator,
      openQueueWriter,
      closing: (close) => context.closing(close),
    });
    return { verdict: 'ok', result };
  },

  counts: ({ readings }: DemoResult) => ({ readings }),

  present(result: DemoResult, printer) {
    const { ratio } = result.latency;
    const took = result.steps.reduce((sum, { durationMs }) => sum + durationMs, 0);
    printer.line('No process and no file is left.');
    printer.line();
    const speedup =
      ratio === undefined
        ? ''
        : `, forecasts ${printer.green(`${ratio.forecast} × faster`)} from a warm cache`;
    printer.ok(`${formatCount(result.readings)} readings${speedup}, in ${formatDuration(took)}`);
  },
});

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
