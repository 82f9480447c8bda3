import { freePorts, until } from './ports.js';
import { retrying } from './process.js';
import { startRedis, type RedisServer } from './redis.js';

const SLOTS = 16_384;
const STEADY_TIMEOUT_MS = 15_000;

export interface ClusterOptions {
  readonly masters?: number;
  /** Replicas of each master. */
  readonly replicas?: number;
  /** After so much silence of a node the others take it for failed. Default: longer than a machine stalls, so that nobody fails over. */
  readonly nodeTimeoutMs?: number;
  /** More arguments for every redis-server. */
  readonly args?: readonly string[];
}

export interface ClusterNode {
  readonly id: string;
  readonly port: number;
  /** The role it started with; `topology()` tells the present one. */
  readonly role: 'master' | 'replica';
  /** Index among `nodes` of the master that it started to follow. */
  readonly masterIndex?: number;
  readonly pid: number;
  readonly server: RedisServer;
}

export interface NodeState {
  readonly id: string;
  readonly port: number;
  readonly role: 'master' | 'replica';
  readonly failed: boolean;
  readonly slots: string[];
}

export interface RedisCluster {
  /** One URL a node, masters first. */
  readonly urls: string[];
  /** Masters first, then the replicas in the order of their masters. */
  readonly nodes: readonly ClusterNode[];
  /** What a node that runs says of all. */
  topology(): Promise<NodeState[]>;
  /** SIGKILLs the i-th node, a master at the start; resolves when its process is gone, before any failover. */
  killMaster(index: number): Promise<ClusterNode>;
  /** Waits until every slot has a living master again and no node that runs disagrees. */
  ready(timeoutMs?: number): Promise<void>;
  restartNode(index: number): Promise<void>;
  stop(): Promise<void>;
}

export function startRedisCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  return retrying(() => start(options), 2);
}

async function start(options: ClusterOptions): Promise<RedisCluster> {
  const { masters = 3, replicas = 1, nodeTimeoutMs, args = [] } = options;
  const count = masters * (1 + replicas);
  const ports = await freePorts(2 * count);
  const started = await Promise.allSettled(
    Array.from({ length: count }, (_, index) =>
      startRedis({
        port: ports[index]!,
        args: [
          ...['--cluster-enabled', 'yes', '--cluster-port', String(ports[count + index])],
          ...[
            '--cluster-node-timeout',
            String(nodeTimeoutMs ?? 2_000),
            '--cluster-config-file',
            'nodes.conf',
            ...args,
          ],
        ],
      }),
    ),
  );
  const servers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const failure = started.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
    const ids = await Promise.all(servers.map((server) => server.cli('CLUSTER', 'MYID')));
    await join(servers, ids, ports.slice(count), masters);
    const cluster = describeCluster(servers, ids, masters, stop);
    await cluster.ready();
    // Not from the beginning: nodes wait for as long before a new cluster is ok to them.
    if (nodeTimeoutMs === undefined)
      for (const server of servers)
        await server.cli('CONFIG', 'SET', 'cluster-node-timeout', String(STEADY_TIMEOUT_MS));
    return cluster;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function join(
  servers: readonly RedisServer[],
  ids: readonly string[],
  busPorts: readonly number[],
  masters: number,
): Promise<void> {
  await Promise.all(
    servers.map(async (server, index) => {
      await server.cli('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      if (index >= masters) return;
      const first = Math.floor((index * SLOTS) / masters);
      const last = Math.floor(((index + 1) * SLOTS) / masters) - 1;
      await server.cli('CLUSTER', 'ADDSLOTSRANGE', String(first), String(last));
    }),
  );
  // Everybody is introduced to everybody, which saves the rounds of gossip.
  await Promise.all(
    servers.map(async (server, index) => {
      for (let other = index + 1; other < servers.length; other++) {
        await server.cli(
          'CLUSTER',
          'MEET',
          '127.0.0.1',
          String(servers[other]!.port),
          String(busPorts[other]),
        );
      }
    }),
  );
  const all = async (server: RedisServer): Promise<boolean> => {
    const known = await server.cli('CLUSTER', 'NODES');
    return ids.every((id) => known.includes(id)) && !known.includes('handshake');
  };
  await until('cluster nodes know each other', async () =>
    (await Promise.all(servers.map(all))).every(Boolean),
  );
  await Promise.all(
    servers.slice(masters).map((server, index) => server.cli('CLUSTER', 'REPLICATE', ids[index % masters]!)),
  );
  await until('replicas follow their masters', async () => {
    const links = await Promise.all(
      servers.slice(masters).map((server) => server.cli('INFO', 'replication')),
    );
    return links.every((info) => info.includes('master_link_status:up'));
  });
}

function describeCluster(
  servers: readonly RedisServer[],
  ids: readonly string[],
  masters: number,
  stop: () => Promise<void>,
): RedisCluster {
  const nodes = servers.map((server, index): ClusterNode => ({
    id: ids[index]!,
    port: server.port,
    role: index < masters ? 'master' : 'replica',
    ...(index < masters ? {} : { masterIndex: index % masters }),
    get pid() {
      return server.pid;
    },
    server,
  }));
  const viewOf = async (server: RedisServer): Promise<NodeState[]> =>
    parseNodes(await server.cli('CLUSTER', 'NODES'));
  const running = (): RedisServer[] => servers.filter((server) => server.running);
  return {
    urls: servers.map((server) => server.url),
    nodes,
    topology: () => viewOf(running()[0]!),
    async killMaster(index) {
      const node = nodes[index];
      if (node?.role !== 'master') throw new Error(`node ${index} did not start as a master`);
      await node.server.kill();
      return node;
    },
    async ready(timeoutMs = 60_000) {
      const agrees = async (server: RedisServer): Promise<boolean> => {
        const info = await server.cli('CLUSTER', 'INFO');
        const view = await viewOf(server);
        const alive = new Set(running().map(({ port }) => port));
        const owners = view.filter(({ slots }) => slots.length > 0);
        return (
          info.includes('cluster_state:ok') &&
          owners.length === masters &&
          owners.every(({ port, failed }) => alive.has(port) && !failed) &&
          view.filter(({ port, role, failed }) => alive.has(port) && role === 'replica' && !failed).length ===
            alive.size - masters
        );
      };
      await until(
        'cluster_state ok on every node',
        async () => (await Promise.all(running().map(agrees))).every(Boolean),
        {
          timeoutMs,
          everyMs: 100,
        },
      );
    },
    restartNode: (index) => servers[index]!.restart(),
    stop,
  };
}

function parseNodes(text: string): NodeState[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', address = '', flags = '', , , , , , ...slots] = line.split(' ');
      return {
        id,
        port: Number(/:(\d+)@/.exec(address)?.[1]),
        role: flags.includes('slave') ? 'replica' : 'master',
        failed: /fail/.test(flags),
        slots,
      };
    });
}
