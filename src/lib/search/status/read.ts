import { usualSettings } from '../elastic/bulk-settings.js';
import type { ElasticClient } from '../elastic/client.js';
import { indexMissing } from '../index-missing.js';
import { markKey, stateKey } from '../reindex/state.js';
import { explain } from './explain.js';
import type { ClusterFacts, Health, IndexFacts, NodeFacts, UnassignedShard } from './facts.js';
import { readTasks } from './tasks.js';
import { readWatermark } from './watermarks.js';

interface Routed {
  readonly state: string;
  readonly primary: boolean;
  readonly node: string | null;
  readonly shard: number;
  readonly unassigned_info?: { readonly reason: string; readonly at?: string };
}

interface State {
  readonly routing_table: {
    readonly indices: Readonly<
      Record<string, { readonly shards: Readonly<Record<string, readonly Routed[]>> }>
    >;
  };
}

interface NodeStats {
  readonly nodes: Readonly<
    Record<
      string,
      {
        readonly name: string;
        readonly roles: readonly string[];
        readonly jvm: { readonly mem: { readonly heap_used_percent: number } };
        readonly fs?: {
          readonly total?: { readonly total_in_bytes?: number; readonly available_in_bytes?: number };
        };
        readonly thread_pool: Readonly<Record<string, { readonly rejected: number } | undefined>>;
      }
    >
  >;
}

interface Stats {
  readonly indices?: Readonly<Record<string, IndexStats>>;
}

interface IndexStats {
  readonly primaries: { readonly docs?: { readonly count: number } };
  readonly total: {
    readonly store?: { readonly size_in_bytes: number };
    readonly search?: {
      readonly query_total: number;
      readonly query_time_in_millis: number;
      readonly query_current: number;
    };
  };
  readonly shards?: Readonly<
    Record<
      string,
      readonly {
        readonly routing: { readonly primary: boolean };
        readonly store?: { readonly size_in_bytes: number };
      }[]
    >
  >;
}

interface Settings {
  readonly index: {
    readonly refresh_interval?: string;
    readonly number_of_shards: string;
    readonly number_of_replicas: string;
    readonly verified_before_close?: string;
    readonly blocks?: Readonly<Record<string, string>>;
    readonly search?: { readonly slowlog?: object };
  };
}

type Held = Readonly<
  Record<
    string,
    {
      readonly settings: Settings;
      readonly mappings: { readonly _meta?: Readonly<Record<string, unknown>> };
      readonly aliases: Readonly<Record<string, { readonly is_write_index?: boolean }>>;
    }
  >
>;

/**
 * What the cluster says of itself, and of some indices or, by default, of all. Changes nothing.
 * @throws UserError exit 2 `INDEX_MISSING`; as ElasticClient.json
 */
export async function readFacts(
  client: ElasticClient,
  index: string | undefined,
  signal: AbortSignal,
): Promise<ClusterFacts> {
  const of = index === undefined ? '' : `/${encodeURIComponent(index)}`;
  const held = await client.jsonIfThere<Held>({ path: of === '' ? '/_all' : of }, signal);
  if (held === undefined) throw indexMissing(client.name, index ?? '_all');
  const [health, state, nodes, stats, watermarks, pending, tasks] = await Promise.all([
    client.json<{ status: Health; indices?: Record<string, { status: Health }> }>(
      { path: '/_cluster/health', query: { level: 'indices' } },
      signal,
    ),
    client.json<State>({ path: `/_cluster/state/routing_table${of}` }, signal),
    client.json<NodeStats>({ path: '/_nodes/stats/fs,jvm,thread_pool' }, signal),
    client.json<Stats>(
      { path: `${of}/_stats/docs,store,search`, query: { level: 'shards', ignore_unavailable: 'true' } },
      signal,
    ),
    readWatermarks(client, signal),
    client.json<{ tasks: { source: string; time_in_queue_millis: number }[] }>(
      { path: '/_cluster/pending_tasks' },
      signal,
    ),
    readTasks(client, signal),
  ]);
  const routed = state.routing_table.indices;
  const setAside = setAsideIn(held);
  const unassigned = await explain(client, unassignedOf(routed), signal);
  return {
    health: health.status,
    nodes: nodesOf(nodes, routed),
    indices: Object.entries(held)
      .map(([name, { settings, mappings }]) =>
        indexOf(name, settings, {
          isReindexed: mappings._meta?.[stateKey] !== undefined,
          isSetAside: setAside.has(name),
          usualSettings: usualSettings(name, mappings._meta),
          health: health.indices?.[name]?.status ?? 'red',
          stats: stats.indices?.[name],
          unassigned: unassigned.get(name) ?? [],
        }),
      )
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    aliases: aliasesOf(held),
    watermarks,
    pendingTasks: pending.tasks.map(({ source, time_in_queue_millis }) => ({
      source,
      waitingMs: time_in_queue_millis,
    })),
    tasks,
  };
}

function unassignedOf(routed: State['routing_table']['indices']): ReadonlyMap<string, UnassignedShard[]> {
  const found = new Map<string, UnassignedShard[]>();
  for (const [name, { shards }] of Object.entries(routed))
    for (const copies of Object.values(shards))
      for (const { state, shard, primary, unassigned_info: info } of copies) {
        if (state !== 'UNASSIGNED') continue;
        const of = found.get(name) ?? [];
        found.set(name, of);
        of.push({
          shard,
          isPrimary: primary,
          reason: info?.reason ?? '',
          since: info?.at,
          explanation: undefined,
        });
      }
  return found;
}

function nodesOf({ nodes }: NodeStats, routed: State['routing_table']['indices']): NodeFacts[] {
  const shards = new Map<string, number>();
  for (const { shards: of } of Object.values(routed))
    for (const { node } of Object.values(of).flat())
      if (node !== null) shards.set(node, (shards.get(node) ?? 0) + 1);
  return Object.entries(nodes).map(([id, { name, roles, jvm, fs, thread_pool }]) => {
    const { total_in_bytes: totalBytes, available_in_bytes: freeBytes } = fs?.total ?? {};
    return {
      name,
      isData: roles.some((role) => role === 'data' || role.startsWith('data_')),
      shards: shards.get(id) ?? 0,
      heapPercent: jvm.mem.heap_used_percent,
      disk: totalBytes === undefined || freeBytes === undefined ? undefined : { totalBytes, freeBytes },
      rejected: {
        writes: thread_pool['write']?.rejected ?? 0,
        searches: thread_pool['search']?.rejected ?? 0,
      },
    };
  });
}

function indexOf(
  name: string,
  { index }: Settings,
  {
    stats,
    ...more
  }: Pick<IndexFacts, 'health' | 'unassigned' | 'isReindexed' | 'isSetAside' | 'usualSettings'> & {
    stats: IndexStats | undefined;
  },
): IndexFacts {
  const search = stats?.total.search;
  const copies = Object.values(stats?.shards ?? {}).flat();
  return {
    name,
    ...more,
    isClosed: index.verified_before_close === 'true',
    documents: stats?.primaries.docs?.count ?? 0,
    bytes: stats?.total.store?.size_in_bytes ?? 0,
    primaryBytes: copies
      .filter(({ routing }) => routing.primary)
      .map(({ store }) => store?.size_in_bytes ?? 0),
    shards: Number(index.number_of_shards),
    replicas: Number(index.number_of_replicas),
    queries: {
      count: search?.query_total ?? 0,
      totalMs: search?.query_time_in_millis ?? 0,
      current: search?.query_current ?? 0,
    },
    blocks: Object.entries(index.blocks ?? {})
      .filter(([, value]) => value === 'true')
      .map(([block]) => block),
    refreshInterval: index.refresh_interval,
    logsSlowQueries: Object.values(leaves(index.search?.slowlog)).some((value) => value !== '-1'),
  };
}

/** Of each pair of a reindex that has ended: the old index, or after a rollback the new one. */
function setAsideIn(held: Held): ReadonlySet<string> {
  const pairs = Object.entries(held).flatMap(([name, { mappings }]) => {
    const mark = mappings._meta?.[markKey] as { source?: { name?: string }; swapped?: object } | undefined;
    const old = mark?.source?.name;
    return mark?.swapped !== undefined && old !== undefined && held[old] !== undefined ? [name, old] : [];
  });
  return new Set(pairs.filter((name) => Object.keys(held[name]!.aliases).length === 0));
}

function leaves(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return value === undefined ? [] : [value];
  return Object.values(value).flatMap(leaves);
}

function aliasesOf(held: Held): ClusterFacts['aliases'] {
  const found: Record<string, { indices: string[]; written: string[] }> = {};
  for (const [index, { aliases }] of Object.entries(held))
    for (const [alias, { is_write_index }] of Object.entries(aliases)) {
      const of = (found[alias] ??= { indices: [], written: [] });
      of.indices.push(index);
      if (is_write_index === true) of.written.push(index);
    }
  return found;
}

async function readWatermarks(
  client: ElasticClient,
  signal: AbortSignal,
): Promise<ClusterFacts['watermarks']> {
  type Part = { cluster?: { routing?: { allocation?: { disk?: Disk } } } };
  interface Disk {
    readonly threshold_enabled?: string;
    readonly watermark?: Readonly<Record<string, string>>;
  }
  const parts = await client.json<Record<'defaults' | 'persistent' | 'transient', Part | undefined>>(
    {
      path: '/_cluster/settings',
      query: { include_defaults: 'true', filter_path: '*.cluster.routing.allocation.disk' },
    },
    signal,
  );
  const disks = [parts.defaults, parts.persistent, parts.transient].map(
    (part) => part?.cluster?.routing?.allocation?.disk,
  );
  const enabled = disks.reduce((is, disk) => disk?.threshold_enabled ?? is, 'true');
  const marks: Record<string, string> = Object.assign({}, ...disks.map((disk) => disk?.watermark));
  const { low, high, flood_stage } = marks;
  if (enabled === 'false' || low === undefined || high === undefined || flood_stage === undefined)
    return undefined;
  return {
    low: readWatermark(low, marks['low.max_headroom']),
    high: readWatermark(high, marks['high.max_headroom']),
    flood: readWatermark(flood_stage, marks['flood_stage.max_headroom']),
  };
}
