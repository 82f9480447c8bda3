import { formatBytes } from '../../core/units.js';
import { clusterFindings } from '../status/cluster-findings.js';
import type { ClusterFacts, Health, IndexFacts, NodeFacts, UnassignedShard } from '../status/facts.js';
import type { Finding } from '../status/finding.js';
import type { SolrClient } from './client.js';

export interface SolrStatus {
  readonly facts: ClusterFacts;
  readonly findings: readonly Finding[];
}

/**
 * What Solr says of its node, and of its cores or collections. Of other nodes of SolrCloud only their replicas are known.
 * @param index a core or collection; without one, all
 * @throws as SolrClient.json
 */
export async function readSolrStatus(
  client: SolrClient,
  index: string | undefined,
  signal: AbortSignal,
): Promise<SolrStatus> {
  const measures = await readMeasures(client, signal);
  const indices = (
    client.isCloud
      ? await readCollections(client, measures, signal)
      : await readCores(client, measures, signal)
  ).filter(({ name }) => index === undefined || name === index);
  const nodes = [await readNode(client, indices, measures, signal)];
  const facts: ClusterFacts = {
    health: worst(indices),
    nodes,
    indices,
    aliases: {},
    watermarks: undefined,
    pendingTasks: [],
    tasks: [],
  };
  return {
    facts,
    findings: [...indices.flatMap(replicaFindings), ...diskFindings(nodes), ...clusterFindings(facts)],
  };
}

interface Measures {
  readonly disk: NodeFacts['disk'];
  /** By core. */
  readonly cores: ReadonlyMap<
    string,
    { readonly bytes: number; readonly count: number; readonly totalMs: number }
  >;
}

/** Whoever may not read the metrics gets the rest. */
async function readMeasures(client: SolrClient, signal: AbortSignal): Promise<Measures> {
  const { metrics = {} } = await client.json<{ metrics?: Record<string, Record<string, unknown>> }>(
    {
      path: '/admin/metrics',
      query: {
        group: 'core,node',
        prefix: 'CONTAINER.fs,INDEX.sizeInBytes,QUERY./select.requestTimes,QUERY./select.totalTime',
      },
      expected: [401, 403],
    },
    signal,
  );
  const node = metrics['solr.node'] ?? {};
  const [totalBytes, freeBytes] = [
    node['CONTAINER.fs.coreRoot.totalSpace'],
    node['CONTAINER.fs.coreRoot.usableSpace'],
  ];
  const cores = new Map<string, { bytes: number; count: number; totalMs: number }>();
  for (const [registry, values] of Object.entries(metrics)) {
    const times = values['QUERY./select.requestTimes'] as { readonly count?: number } | undefined;
    if (registry.startsWith('solr.core.'))
      cores.set(registry.slice('solr.core.'.length), {
        bytes: Number(values['INDEX.sizeInBytes'] ?? 0),
        count: times?.count ?? 0,
        totalMs: Number(values['QUERY./select.totalTime'] ?? 0) / 1e6,
      });
  }
  return {
    disk:
      typeof totalBytes === 'number' && typeof freeBytes === 'number' ? { totalBytes, freeBytes } : undefined,
    cores,
  };
}

async function readNode(
  client: SolrClient,
  indices: readonly IndexFacts[],
  { disk }: Measures,
  signal: AbortSignal,
): Promise<NodeFacts> {
  interface Info {
    readonly jvm?: { readonly memory?: { readonly raw?: { readonly used?: number; readonly max?: number } } };
  }
  const { jvm } = await client.json<Info>({ path: '/admin/info/system' }, signal);
  const { used = 0, max = 0 } = jvm?.memory?.raw ?? {};
  return {
    name: client.address,
    isData: true,
    shards: indices.reduce((sum, { shards, replicas }) => sum + shards * (replicas + 1), 0),
    heapPercent: max === 0 ? 0 : Math.round((100 * used) / max),
    disk,
    rejected: { writes: 0, searches: 0 },
  };
}

interface CoreStatus {
  readonly index?: { readonly numDocs?: number; readonly sizeInBytes?: number };
}

async function readCores(
  client: SolrClient,
  { cores }: Measures,
  signal: AbortSignal,
): Promise<readonly IndexFacts[]> {
  const { status, initFailures } = await client.json<{
    readonly status: Readonly<Record<string, CoreStatus>>;
    readonly initFailures: Readonly<Record<string, unknown>>;
  }>({ path: '/admin/cores', query: { action: 'STATUS' } }, signal);
  const loaded = Object.entries(status).map(([name, { index }]) => {
    const { count = 0, totalMs = 0 } = cores.get(name) ?? {};
    return indexFacts(name, 'green', {
      documents: index?.numDocs ?? 0,
      bytes: index?.sizeInBytes ?? 0,
      queries: { count, totalMs, current: 0 },
    });
  });
  const failed = Object.entries(initFailures).map(([name, why]) =>
    indexFacts(name, 'red', {
      unassigned: [
        {
          shard: 1,
          isPrimary: true,
          reason: 'the core did not load',
          since: undefined,
          explanation: messageOf(why),
        },
      ],
    }),
  );
  return [...loaded, ...failed].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function messageOf(why: unknown): string {
  return typeof why === 'string'
    ? why
    : ((why as { readonly msg?: string } | null)?.msg ?? JSON.stringify(why));
}

interface Replica {
  readonly core?: string;
  readonly state?: string;
  readonly leader?: string;
  readonly node_name?: string;
}

interface Collection {
  readonly health?: string;
  readonly shards: Readonly<Record<string, { readonly replicas: Readonly<Record<string, Replica>> }>>;
}

async function readCollections(
  client: SolrClient,
  { cores }: Measures,
  signal: AbortSignal,
): Promise<readonly IndexFacts[]> {
  const { cluster } = await client.json<{
    readonly cluster: {
      readonly collections: Readonly<Record<string, Collection>>;
      readonly live_nodes: readonly string[];
    };
  }>({ path: '/admin/collections', query: { action: 'CLUSTERSTATUS' } }, signal);
  const live = new Set(cluster.live_nodes);
  return Promise.all(
    Object.entries(cluster.collections).map(async ([name, { shards }]) => {
      const each = Object.values(shards).map(({ replicas }) => Object.values(replicas));
      const unassigned = each.flatMap((replicas, shard) => missingOf(replicas, shard + 1, live));
      const isRed = unassigned.some(({ isPrimary }) => isPrimary);
      const own = [...cores]
        .filter(([core]) => core.startsWith(`${name}.shard`))
        .map(([, measure]) => measure);
      const sum = (of: (measure: (typeof own)[number]) => number) =>
        own.reduce((total, one) => total + of(one), 0);
      return indexFacts(name, isRed ? 'red' : unassigned.length > 0 ? 'yellow' : 'green', {
        documents: isRed ? 0 : await documentsOf(client, name, signal),
        bytes: sum(({ bytes }) => bytes),
        shards: each.length,
        replicas: Math.max(0, ...each.map(({ length }) => length - 1)),
        unassigned,
        queries: { count: sum(({ count }) => count), totalMs: sum(({ totalMs }) => totalMs), current: 0 },
      });
    }),
  );
}

/** A shard without a leader is missing itself, else those of its replicas that are not active. */
function missingOf(
  replicas: readonly Replica[],
  shard: number,
  live: ReadonlySet<string>,
): UnassignedShard[] {
  const isThere = ({ state, node_name }: Replica) => state === 'active' && live.has(node_name ?? '');
  const reasonOf = ({ core, state, node_name }: Replica) =>
    `${core ?? 'a replica'} is ${live.has(node_name ?? '') ? state : 'gone'}`;
  const lost = replicas.filter((replica) => !isThere(replica));
  const about = { shard, since: undefined, explanation: undefined };
  if (!replicas.some((replica) => replica.leader === 'true' && isThere(replica)))
    return [{ ...about, isPrimary: true, reason: lost.map(reasonOf).join(', ') || 'it has no leader' }];
  return lost.map((replica) => ({ ...about, isPrimary: false, reason: reasonOf(replica) }));
}

async function documentsOf(client: SolrClient, name: string, signal: AbortSignal): Promise<number> {
  const { response } = await client.json<{ response?: { numFound?: number } }>(
    { path: `/${encodeURIComponent(name)}/select`, query: { q: '*:*', rows: '0' } },
    signal,
  );
  return response?.numFound ?? 0;
}

function indexFacts(name: string, health: Health, known: Partial<IndexFacts>): IndexFacts {
  return {
    name,
    health,
    isClosed: false,
    documents: 0,
    bytes: 0,
    primaryBytes: [],
    shards: 1,
    replicas: 0,
    unassigned: [],
    queries: { count: 0, totalMs: 0, current: 0 },
    blocks: [],
    refreshInterval: undefined,
    isReindexed: false,
    isSetAside: false,
    usualSettings: undefined,
    logsSlowQueries: false,
    ...known,
  };
}

function worst(indices: readonly IndexFacts[]): Health {
  const has = (health: Health) => indices.some((index) => index.health === health);
  return has('red') ? 'red' : has('yellow') ? 'yellow' : 'green';
}

function replicaFindings({ name, unassigned }: IndexFacts): Finding[] {
  return unassigned.map(({ shard, isPrimary, reason, explanation }) => ({
    subject: 'shards',
    isSevere: isPrimary,
    what: `${name}: ${isPrimary ? `shard ${shard} cannot be read or written` : `a replica of shard ${shard} is missing`} (${explanation === undefined ? reason : `${reason}: ${explanation}`})`,
    advice: isPrimary
      ? "Start the node that has it, or see Solr's log for why it does not load."
      : 'Should another node stop now, documents are lost. Start the node that is gone, or wait until it has recovered.',
  }));
}

const leastFree = 0.1;

function diskFindings(nodes: readonly NodeFacts[]): Finding[] {
  return nodes.flatMap(({ name, disk }): Finding[] => {
    if (disk === undefined || disk.freeBytes >= leastFree * disk.totalBytes) return [];
    return [
      {
        subject: 'disk',
        isSevere: true,
        what: `node ${name}: ${formatBytes(disk.freeBytes)} of ${formatBytes(disk.totalBytes)} are free, and Solr has no watermarks`,
        advice: 'Make room: where the disk is full Solr closes its indices until they are reloaded.',
      },
    ];
  });
}
