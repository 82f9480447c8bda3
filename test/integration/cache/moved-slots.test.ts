import { toBytes } from '../../../src/lib/core/bytes.js';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { countMatches, flush, type FlushPlan } from '../../../src/lib/cache/flush.js';
import { inspect } from '../../../src/lib/cache/inspect/inspect.js';
import type { BulkLevel } from '../../../src/lib/cache/bulk-level.js';
import { openRedisBulkLevel, type RedisBulkLevel } from '../../../src/lib/cache/redis/bulk-level.js';
import { slotOf } from '../../../src/lib/clients/redis/slots.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { silentProgress } from '../../../src/lib/core/progress.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../../servers/redis-cluster.js';

const keys = 6000;

/** An entry of CLUSTER SLOTS. */
type Served = [from: number, to: number, master: [host: string, port: number, id: string]];

needs('redis')('a walk of a cluster whose slots move', () => {
  const { signal } = new AbortController();
  let cluster: RedisCluster;
  let level: RedisBulkLevel;

  beforeAll(async () => {
    cluster = await startRedisCluster();
    const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 20_000 };
    level = await openRedisBulkLevel({ name: 'redis', settings: { nodes: cluster.urls }, timeouts }, signal);
  });
  beforeEach(async () => {
    await cluster.ready();
    const written = Array.from({ length: keys }, (_, i) =>
      level.client.call(['SET', toBytes(`k:${i}`), toBytes('x')]),
    );
    expect(new Set(await Promise.all(written))).toEqual(new Set(['OK']));
  });
  afterAll(async () => {
    await level?.close();
    await cluster?.stop();
  });

  /** By what every node says. */
  async function masterOf(slot: number): Promise<ClusterNode> {
    const owners = new Set<string | undefined>();
    await until('all nodes name one master', async () => {
      owners.clear();
      for (const { server } of cluster.nodes) {
        const reply = JSON.parse(await server.cli('--json', 'CLUSTER', 'SLOTS')) as Served[];
        owners.add(reply.find(([from, to]) => from <= slot && slot <= to)?.[2][2]);
      }
      return owners.size === 1;
    });
    return cluster.nodes.find(({ id }) => owners.has(id))!;
  }

  async function setSlot(node: ClusterNode, slot: number, ...state: string[]): Promise<void> {
    expect(await node.server.cli('CLUSTER', 'SETSLOT', String(slot), ...state)).toBe('OK');
  }

  /** Leaves the slot open: on its way from the one to the other. */
  async function open(slot: number): Promise<[from: ClusterNode, to: ClusterNode]> {
    const from = await masterOf(slot);
    const to = (await Promise.all([0, 8191, 16_383].map(masterOf))).find((node) => node !== from)!;
    await setSlot(to, slot, 'IMPORTING', from.id);
    await setSlot(from, slot, 'MIGRATING', to.id);
    return [from, to];
  }

  async function move(slot: number): Promise<void> {
    const [from, to] = await open(slot);
    const names = (await from.server.cli('CLUSTER', 'GETKEYSINSLOT', String(slot), '1000')).split('\n');
    if (names[0] !== '')
      await from.server.cli('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...names);
    // The other nodes hear of it later.
    for (const node of [to, from]) await setSlot(node, slot, 'NODE', to.id);
  }

  /** The level, where something happens after the first batch of a walk. */
  function during(event: () => Promise<void>): BulkLevel {
    const scan: BulkLevel['scan'] = async function* (options) {
      let first = true;
      for await (const batch of level.scan(options)) {
        if (first) await event();
        first = false;
        yield batch;
      }
    };
    return new Proxy<BulkLevel>(level, {
      get: (target, name) => {
        if (name === 'scan') return scan;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
  const plan = (event: () => Promise<void>): FlushPlan => ({
    level: during(event),
    selection: { by: 'pattern', pattern: 'k:*' },
  });
  const hooks = { clock: systemClock, signal, progress: silentProgress, started() {} };

  test('a count, an exact look and a flush say how many', async () => {
    const slots = [1, 2, 3].map((i) => slotOf(toBytes(`k:${i}`)));
    const counted = await countMatches(
      plan(async () => {
        for (const slot of slots) await move(slot);
      }),
      hooks,
    );
    expect(counted.movedSlots).toBe(3);

    const looking = { pattern: undefined, top: 5, signal, progress: silentProgress };
    const looked = await inspect({ ...looking, level: during(() => move(slots[0]!)) });
    expect(looked.movedSlots).toBe(1);
    const sampled = await inspect({ ...looking, level: during(() => move(slots[0]!)), sample: 100 });
    expect(sampled).not.toHaveProperty('movedSlots');

    const flushed = await flush(
      plan(() => move(slots[1]!)),
      hooks,
    );
    expect(flushed.movedSlots).toBe(1);
  });

  test('a slot that is still on its way counts', async () => {
    const slot = slotOf(toBytes('k:9'));
    let ends: ClusterNode[] = [];
    const counted = await countMatches(
      plan(async () => void (ends = await open(slot))),
      hooks,
    );
    expect(counted.movedSlots).toBe(1);
    for (const node of ends) await setSlot(node, slot, 'STABLE');
  });

  test('a walk during which nothing moves, and one with a failover, say nothing', async () => {
    const still = await countMatches(
      plan(async () => {}),
      hooks,
    );
    expect(still.matched).toBe(keys);
    expect(still).not.toHaveProperty('movedSlots');

    const replica = cluster.nodes.find(({ role }) => role === 'replica')!;
    const failedOver = await countMatches(
      plan(async () => {
        await replica.server.cli('CLUSTER', 'FAILOVER');
        await until('the replica has taken over', async () =>
          (await replica.server.cli('ROLE')).startsWith('master'),
        );
      }),
      hooks,
    );
    expect(failedOver).not.toHaveProperty('movedSlots');
  });
});
