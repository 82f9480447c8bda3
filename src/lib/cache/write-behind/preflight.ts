import { parseInfo, type RedisClient } from '../../clients/redis/client.js';
import { encodeCommand, RedisError, type Reply } from '../../clients/redis/resp.js';
import { refuseReplica } from '../../clients/redis/scan.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import { toBytes } from '../../core/bytes.js';
import { ServiceConflict } from '../../core/errors.js';
import { configKey, defaultPartitions } from './keys.js';
import type { Durability } from './types.js';
import { counted } from '../../core/units.js';

const partitionsField = toBytes('partitions');

/**
 * Looks at every master before anything is queued there.
 * @returns warnings. @throws ServiceConflict exit 4 where entries could get lost by the server's own rules.
 */
export async function checkServers(client: RedisClient, durability: Durability): Promise<string[]> {
  refuseReplica(client);
  const warnings = await Promise.all(
    client.masters.map(async ({ address }) => checkServer(await client.connect(address), durability)),
  );
  return warnings.flat();
}

async function checkServer(connection: RedisConnection, durability: Durability): Promise<string[]> {
  const where = `Redis at ${connection.node}`;
  const warnings: string[] = [];
  const answers = await connection.pipeline(
    ['appendonly', 'appendfsync', 'save', 'maxmemory-policy', 'maxmemory']
      .map((name) => encodeCommand(['CONFIG', 'GET', toBytes(name)]))
      .join('') + encodeCommand(['INFO', 'ALL']),
    6,
  );
  const config = (at: number) => setting(answers[at]);
  const readable = !(answers[0] instanceof RedisError);
  const info = typeof answers[5] === 'string' ? parseInfo(answers[5]) : {};

  const policy = config(3) ?? info.maxmemory_policy;
  const limited = Number(config(4) ?? info.maxmemory ?? 0) > 0;
  if (policy?.startsWith('allkeys-')) {
    const message = `${where} evicts any key when its memory is full (maxmemory-policy ${policy}), queued writes too`;
    if (limited)
      throw new ServiceConflict(message, {
        code: 'QUEUE_EVICTABLE',
        hint: 'Use a server of its own for the queue, or: redis-cli CONFIG SET maxmemory-policy volatile-lru',
      });
    warnings.push(`${message}, once maxmemory is set`);
  }

  const appendOnly = readable ? config(0) === 'yes' : info.aof_enabled === '1';
  if (durability === 'fsync') {
    if (!readable)
      throw new ServiceConflict(`${where} does not let us see whether it fsyncs: CONFIG is forbidden`, {
        code: 'NOT_DURABLE',
        hint: 'Allow the user CONFIG GET (ACL: +config|get), or choose durability: replica.',
      });
    if (!appendOnly || config(1) !== 'always')
      throw new ServiceConflict(
        `${where} does not fsync every write: appendonly ${config(0)}, appendfsync ${config(1)}`,
        {
          code: 'NOT_DURABLE',
          hint: 'Set appendonly yes and appendfsync always, or choose durability: replica or memory.',
        },
      );
  } else {
    if (!readable)
      warnings.push(`${where} forbids CONFIG: whether snapshots are on cannot be seen, only appendonly`);
    if (!appendOnly && !config(2))
      warnings.push(
        readable
          ? `${where} keeps nothing on disk: queued writes are lost when it stops`
          : `${where} has no append-only file: writes queued since its last snapshot are lost when it stops`,
      );
  }

  if (durability === 'replica' && Number(info.connected_slaves ?? 0) === 0)
    throw new ServiceConflict(`${where} has no replica, and durability is replica`, {
      code: 'NO_REPLICA',
      hint: 'Attach a replica (REPLICAOF), or choose durability: fsync or memory.',
    });
  return warnings;
}

function setting(answer: Reply | undefined): string | undefined {
  return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : undefined;
}

/**
 * The number of partitions, agreed on by whoever comes first.
 * @throws ServiceConflict exit 4 when `wanted` is not what the queue has.
 */
export async function agreePartitions(client: RedisClient, wanted: number | undefined): Promise<number> {
  let partitions = await knownPartitions(client);
  if (partitions === undefined) {
    // Not always: a server whose memory is full of entries refuses it, and they must be drained.
    await client.call(['HSETNX', configKey, partitionsField, `${wanted ?? defaultPartitions}`]);
    partitions = await knownPartitions(client);
  }
  if (wanted !== undefined && wanted !== partitions)
    throw new ServiceConflict(
      `the queue at ${client.target} has ${counted(partitions ?? 0, 'partition')}, not ${wanted}`,
      {
        code: 'QUEUE_PARTITIONS',
        hint: `Leave the number out. To change it, drain the queue, stop all writers and delete ${configKey}.`,
      },
    );
  return partitions!;
}

/** Undefined when there never was a queue. @throws ServiceConflict when the agreement cannot be read. */
export async function knownPartitions(client: RedisClient): Promise<number | undefined> {
  const text = await client.call(['HGET', configKey, partitionsField]);
  if (text === null) return undefined;
  const partitions = Number(text);
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 16_384)
    throw new ServiceConflict(`${configKey} at ${client.target} says '${String(text)}' partitions`, {
      code: 'QUEUE_PARTITIONS',
    });
  return partitions;
}
