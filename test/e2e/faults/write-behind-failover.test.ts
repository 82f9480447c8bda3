import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { partitionKeys, partitionOf } from '../../../src/lib/cache/write-behind/keys.js';
import type { LostWrite } from '../../../src/lib/cache/write-behind/types.js';
import { runWorker } from '../../../src/lib/cache/write-behind/worker.js';
import { WriteBehind } from '../../../src/lib/cache/write-behind/writer.js';
import { nodeName, openRedis } from '../../../src/lib/clients/redis/client.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { silentProgress } from '../../../src/lib/core/progress.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { startRedisCluster, type RedisCluster } from '../../servers/redis-cluster.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

const timeouts = { connectTimeoutMs: 10_000, requestTimeoutMs: 60_000 };
const tables = { log: { key: ['id'] } };

needs('redis', 'postgres')('write-behind while a master dies', () => {
  let cluster: RedisCluster;
  let database: OwnDatabase;
  const stop = new AbortController();
  const signal = stop.signal;

  beforeAll(async () => {
    [cluster, database] = await Promise.all([startRedisCluster({ nodeTimeoutMs: 1000 }), ownDatabase()]);
    await database.sql('CREATE TABLE log (id text, at bigserial)');
  });
  afterAll(async () => {
    stop.abort();
    await cluster?.stop();
  });

  const drain = () =>
    runWorker({
      ...{
        ...timeouts,
        tables,
        durability: 'memory',
        holder: `test:${randomUUID()}`,
        untilEmpty: true,
        batch: 500,
      },
      ...{
        leaseMs: 5000,
        connections: 2,
        retentionMs: 86_400_000,
        clock: systemClock,
        progress: silentProgress,
      },
      redis: { nodes: cluster.urls },
      postgres: { url: database.url },
      warn: () => {},
      signal,
    });
  const written = async () => (await database.sql('SELECT id FROM log')).map(({ id }) => id as string);

  test('durability replica: what was acknowledged survives, and nothing is applied twice', async () => {
    const client = await openRedis({ nodes: cluster.urls }, timeouts, signal);
    const losses: LostWrite[] = [];
    const queue = await WriteBehind.open(client, {
      ...{ tables, durability: 'replica', signal, onLoss: (loss: LostWrite) => losses.push(loss) },
    });
    const acknowledged: string[] = [];
    const refused: string[] = [];
    let writing = true;
    const writers = Array.from({ length: 8 }, async (_, lane) => {
      for (let i = 0; writing; i++) {
        const id = `r:${lane}:${i}`;
        await queue.writeBehind(toBytes(id), undefined, { table: 'log', row: { id } }, 'insert').then(
          () => acknowledged.push(id),
          (error: { code: string }) => refused.push(error.code),
        );
        await delay(2);
      }
    });
    const more = (count: number, from = acknowledged.length) =>
      until(`${count} more are acknowledged`, () => acknowledged.length >= from + count);
    await more(200);
    const before = acknowledged.length;
    await cluster.killMaster(0);
    await cluster.ready();
    // Few: the new master has no replica, and each write to it takes until it is refused.
    await more(20);
    writing = false;
    await Promise.all(writers);
    await drain();
    const found = await written();
    const lost = acknowledged.filter((id) => !found.includes(id));
    console.log(
      `replica: ${acknowledged.length} acknowledged (${before} before the failover), ${refused.length} refused, ${lost.length} lost, ${losses.length} reported`,
    );
    expect(new Set(found).size).toBe(found.length);
    expect(losses.map(({ key }) => key).sort()).toEqual(lost.sort());
    expect(lost).toEqual([]);
    expect(refused.filter((code) => code !== 'NOT_REPLICATED' && code !== 'WRITE_UNCERTAIN')).toEqual([]);
    queue.close();
    client.close();
  });

  test('durability memory: a failover without the last writes loses them, and each one is named', async () => {
    await cluster.restartNode(0);
    await until('the node that was killed follows', async () =>
      (await cluster.nodes[0]!.server.cli('INFO', 'replication')).includes('master_link_status:up'),
    );
    const client = await openRedis({ nodes: cluster.urls }, timeouts, signal);
    const losses: LostWrite[] = [];
    const open = (durability: 'memory' | 'replica') =>
      WriteBehind.open(client, {
        tables,
        durability,
        signal,
        replicaTimeoutMs: 2000,
        onLoss: (loss) => losses.push(loss),
      });
    const queue = await open('memory');
    const careful = await open('replica');
    const master = cluster.nodes[1]!;
    const replica = cluster.nodes.find(({ masterIndex }) => masterIndex === 1)!;
    const there = Array.from({ length: 500 }, (_, i) => `m:${i}`).filter(
      (key) =>
        client.masterOf(partitionKeys(partitionOf(toBytes(key), 16)).stream).node ===
        nodeName({ host: '127.0.0.1', port: master.port }),
    );
    const write = (writer: WriteBehind, id: string) =>
      writer.writeBehind(toBytes(id), undefined, { table: 'log', row: { id } }, 'insert');
    for (const id of there.slice(0, 10)) await write(careful, id);
    replica.server.pause();
    // What the master sends on the old connection would still reach the replica, out of the kernel's buffers.
    await master.server.cli('CLIENT', 'KILL', 'TYPE', 'replica');
    const doomed = there.slice(10, 40);
    expect(doomed).toHaveLength(30);
    for (const id of doomed) await write(queue, id);
    await expect(write(careful, there[40]!)).rejects.toMatchObject({ code: 'NOT_REPLICATED' });
    await cluster.killMaster(1);
    replica.server.resume();
    await cluster.ready();
    await write(queue, there[41]!);
    await until('every loss is named', () => losses.length >= doomed.length);
    await drain();
    const found = await written();
    expect(doomed.filter((id) => found.includes(id))).toEqual([]);
    expect(losses.map(({ key }) => key).sort()).toEqual([...doomed].sort());
    expect(found).toEqual(expect.arrayContaining([...there.slice(0, 10), there[41]!]));
    queue.close();
    careful.close();
    client.close();
  });
});
