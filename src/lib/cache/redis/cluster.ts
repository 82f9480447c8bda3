import { nodeName, parseInfo, type RedisClient } from '../../clients/redis/client.js';
import { refused } from '../../clients/redis/refusals.js';
import { encodeCommand, RedisError } from '../../clients/redis/resp.js';
import { asNumber, asText } from '../../clients/redis/shapes.js';
import { slotCount } from '../../clients/redis/slots.js';
import { ServiceUnavailable, UserError } from '../../core/errors.js';
import { counted } from '../../core/units.js';

export interface ReplicaStatus {
  node: string;
  /** The link to its master is up. */
  linked: boolean;
  /** Bytes of writes it has not acknowledged. */
  lagBytes: number;
  problem?: string;
}

export interface MasterStatus {
  node: string;
  slots: number;
  keys: number;
  keysWithTtl: number;
  memoryBytes: number;
  /** Keys here ÷ keys of an even share: 1 is balanced. */
  imbalance: number;
  replicas: ReplicaStatus[];
  /** What would be lost if this master went away now. */
  failover: {
    /** A replica could take over. */
    possible: boolean;
    /** Acknowledged writes, in bytes of the replication stream, that the best replica does not have. */
    lostBytes: number;
    /** Keys lost for certain: all of them where no replica could take over. */
    lostKeys: number;
    /** The replica runs on the same host as its master. */
    sameHost: boolean;
  };
}

export interface ClusterStatus {
  target: string;
  state: string;
  slotsAssigned: number;
  keys: number;
  masters: MasterStatus[];
}

/** @throws UserError exit 2 when the server is no cluster. */
export async function clusterStatus(client: RedisClient): Promise<ClusterStatus> {
  if (!client.cluster)
    throw new UserError(`Redis at ${client.target} is a single server, not a cluster`, {
      code: 'NO_CLUSTER',
      hint: 'For one server: metrify cache inspect',
    });
  const [first] = client.masters;
  const seed = await client.connect(first!.address);
  const state = parseInfo(asText(await seed.call(['CLUSTER', 'INFO']), first!.node));
  const masters = await Promise.all(client.masters.map((node) => masterStatus(client, node)));
  const keys = masters.reduce((sum, master) => sum + master.keys, 0);
  const fair = keys / masters.length;
  for (const master of masters) master.imbalance = fair === 0 ? 1 : master.keys / fair;
  return {
    target: client.target,
    state: state.cluster_state ?? 'unknown',
    slotsAssigned: Number(state.cluster_slots_assigned ?? 0),
    keys,
    masters,
  };
}

async function masterStatus(
  client: RedisClient,
  { node, address, ranges, replicas }: RedisClient['masters'][number],
): Promise<MasterStatus> {
  const connection = await client.connect(address);
  const [text, size] = await connection.pipeline(
    encodeCommand(['INFO', 'ALL']) + encodeCommand(['DBSIZE']),
    2,
  );
  if (text instanceof RedisError) throw refused(node, text, ['INFO']);
  if (size instanceof RedisError) throw refused(node, size, ['DBSIZE']);
  const info = parseInfo(asText(text, node));
  const offset = Number(info.master_repl_offset ?? 0);
  const states = await Promise.all(
    replicas.map(async (replica): Promise<ReplicaStatus> => {
      try {
        const answer = await (await client.connect(replica)).call(['INFO', 'REPLICATION']);
        const follower = parseInfo(asText(answer, nodeName(replica)));
        const linked = follower.master_link_status === 'up';
        return {
          node: nodeName(replica),
          linked,
          lagBytes: Math.max(0, offset - Number(follower.slave_repl_offset ?? 0)),
          ...(linked ? {} : { problem: 'its link to the master is down' }),
        };
      } catch (error) {
        if (!(error instanceof ServiceUnavailable)) throw error;
        return { node: nodeName(replica), linked: false, lagBytes: offset, problem: error.message };
      }
    }),
  );
  const keys = asNumber(size, node);
  const able = states.filter(({ linked }) => linked);
  return {
    node,
    slots: ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0),
    keys,
    keysWithTtl: Number(/expires=(\d+)/.exec(info.db0 ?? '')?.[1] ?? 0),
    memoryBytes: Number(info.used_memory),
    imbalance: 1,
    replicas: states,
    failover: {
      possible: able.length > 0,
      lostBytes: able.length > 0 ? Math.min(...able.map(({ lagBytes }) => lagBytes)) : offset,
      lostKeys: able.length > 0 ? 0 : keys,
      sameHost: replicas.length > 0 && replicas.every(({ host }) => host === address.host),
    },
  };
}

/** What a check of the cluster looks at. @returns a failure for each check that does not hold. */
export function checkCluster(status: ClusterStatus): { name: string; failure?: string }[] {
  const checks: { name: string; failure?: string }[] = [];
  const check = (name: string, failure: string | false) =>
    checks.push({ name, ...(failure ? { failure } : {}) });
  check('cluster state', status.state !== 'ok' && `cluster_state is ${status.state}`);
  check(
    'all slots served',
    status.slotsAssigned < slotCount &&
      `${slotCount - status.slotsAssigned} of ${slotCount} slots ${slotCount - status.slotsAssigned === 1 ? 'has' : 'have'} no master`,
  );
  for (const { node, replicas, failover, imbalance, keys } of status.masters) {
    check(
      `${node} has a replica that can take over`,
      !failover.possible &&
        (replicas.length === 0
          ? `it has none: ${counted(keys, 'key')} would be lost with it`
          : `none of ${replicas.map((replica) => replica.node).join(', ')} follows it: ${counted(keys, 'key')} would be lost with it`),
    );
    for (const replica of replicas)
      check(`${replica.node} follows ${node}`, replica.problem !== undefined && replica.problem);
    check(
      `${node} is not overloaded`,
      imbalance > 1.5 && keys > 1000 && `it holds ${imbalance.toFixed(1)} × its even share of the keys`,
    );
  }
  return checks;
}
