import { type ByteString, toBytes } from '../lib/core/bytes.js';
import { configKey, partitionKeys, partitionOf } from '../lib/cache/write-behind/keys.js';
import { WriteBehind } from '../lib/cache/write-behind/writer.js';
import { silentProgress } from '../lib/core/progress.js';
import { elasticsearchSection } from '../lib/clients/search/section.js';
import type { SearchSettings } from '../lib/clients/search/settings.js';
import { openRedis } from '../lib/clients/redis/client.js';
import { cacheSteps } from '../lib/demo/cache-steps.js';
import { exportSteps } from '../lib/demo/export-steps.js';
import type { GenerateLoad } from '../lib/demo/load.js';
import { type OpenQueueWriter, queueSteps } from '../lib/demo/queue-steps.js';
import { rolloutSteps } from '../lib/demo/rollout-steps.js';
import { type OpenDemoSearch, searchSteps } from '../lib/demo/search-steps.js';
import { settingsIn } from '../lib/core/schema/walk.js';
import { variableName } from '../lib/core/schema/variable-name.js';
import { ElasticClient } from '../lib/search/elastic/client.js';
import { indicesBehind } from '../lib/search/elastic/describe.js';
import { generate } from '../lib/load/generator.js';
import { prepare, targetOf } from '../lib/load/request.js';
import { resultOf } from '../lib/load/result.js';
import { latenciesOpener } from '../lib/load/tally.js';

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

/** More than are ever under way: none is left unsent. */
const maxConnections = 1000;

/** An open loop of the engine of `metrify load`, so that both measurements are of the same requests at the same times. */
export const generateLoad: GenerateLoad = async ({ url, paths, rate, durationMs, headers = [], signal }) => {
  const { target, host } = targetOf(url);
  const tally = await generate(
    {
      targets: [target],
      workload: {
        requests: paths.map((path) => ({
          weight: 1,
          request: prepare('GET', path, host, { method: 'GET', headers }),
        })),
      },
      arrivals: { loop: 'open', stages: [{ durationMs, from: rate, to: rate }] },
      durationMs,
      drainMs: 60_000,
      maxConnections,
      timeoutMs: 60_000,
      connectTimeoutMs: 5000,
      threads: 1,
    },
    signal,
    silentProgress,
  );
  signal.throwIfAborted();
  const result = resultOf(tally, {
    targetRate: rate,
    threads: 1,
    maxConnections,
    thresholds: [],
    open: await latenciesOpener(),
  });
  // How late this busy machine sent says nothing of the cache.
  const { p50, p95, p99 } = result.serviceTimeMs;
  return {
    requests: result.sent,
    p50: p50 ?? 0,
    p95: p95 ?? 0,
    p99: p99 ?? 0,
    perSecond: Math.round(result.goodput),
    errors: result.errors.byKind,
  };
};

/** What the variables of Elasticsearch say, as a run without a configuration file has it. */
function elasticsearchOf(env: NodeJS.ProcessEnv): SearchSettings | undefined {
  const { key, schema } = elasticsearchSection;
  const written = settingsIn(schema).flatMap(([path]) => {
    const value = env[variableName(`${key}.${path}`)];
    return value === undefined || value === '' ? [] : [[path, value] as const];
  });
  return schema.parse(Object.fromEntries(written));
}

const openDemoSearch: OpenDemoSearch = async (env, signal) => {
  const settings = elasticsearchOf(env);
  if (settings === undefined) return undefined;
  const client = await ElasticClient.open(settings, timeouts, signal);
  return {
    name: client.name,
    async remove(index) {
      // Its own signal never aborts: the index must go after a Ctrl-C, too. The name is an alias.
      const { signal: never } = new AbortController();
      for (const { name } of (await indicesBehind(client, index, never)) ?? [])
        await client.bytes({ method: 'DELETE', path: `/${encodeURIComponent(name)}` }, never);
    },
    close: () => client.close(),
  };
};

/** What `metrify demo` shows, in this order. */
export const demoGroups = [
  cacheSteps,
  queueSteps(openQueueWriter),
  exportSteps,
  searchSteps(openDemoSearch),
  rolloutSteps,
] as const;

export type DemoGroup = (typeof demoGroups)[number];
