import { expect } from 'vitest';

import { until } from '../../../servers/ports.js';
import { startRedisCluster } from '../../../servers/redis-cluster.js';
import { Probe } from '../../cache/redis-probe.js';
import { cacheVerbs } from './cache-verbs.js';
import { redisReplies, setCommand } from './redis.js';
import type { Errand, System } from './system.js';

const replies = [...redisReplies, '-MOVED 1 127.0.0.1:1\r\n', '-ASK 1 127.0.0.1:1\r\n', '-TRYAGAIN no\r\n'];

/** Three masters, of which each tells its clients the port of its proxy. */
export const redisCluster: System = {
  needs: ['redis'],
  async open(folder, behind) {
    const { nodes, stop } = await startRedisCluster({ masters: 3, replicas: 0 });
    const announced: number[] = [];
    for (const { port, server } of nodes) {
      announced.push(await behind(port, replies));
      await server.cli('CONFIG', 'SET', 'cluster-announce-port', String(announced.at(-1)));
    }
    await until('every node announces the proxies', async () => {
      const views = await Promise.all(nodes.map(({ server }) => server.cli('CLUSTER', 'SLOTS')));
      return views.every((view) => announced.every((port) => view.includes(String(port))));
    });
    const onEach = <T>(use: (probe: Probe) => Promise<T>) =>
      Promise.all(nodes.map(({ port }) => Probe.with(port, 0, use)));
    const look = (verb: string, code: number) => (): Promise<Errand> =>
      Promise.resolve({
        args: ['cache', 'cluster', verb],
        check({ end, honest }) {
          if (honest) expect([code, 5, 124]).toContain(end.code);
          if (honest && end.code === 0) expect(end.json().result).toMatchObject({ slotsAssigned: 16_384 });
          return Promise.resolve();
        },
      });
    const url = `redis://127.0.0.1:${announced[0]}`;
    return {
      env: { METRIFY_REDIS_URL: url },
      verbs: {
        ...(await cacheVerbs(folder, {
          level: 'redis',
          address: url,
          hashes: true,
          idleTimes: true,
          async fill(entries) {
            await onEach(async (probe) => {
              await probe.ask('FLUSHALL');
              // Each node refuses the keys of the others.
              await probe.askAll(entries.map(setCommand));
            });
          },
          dump: async () => new Map((await onEach((probe) => probe.dump())).flatMap((held) => [...held])),
        })),
        'cluster status': look('status', 0),
        'cluster check': look('check', 3),
      },
      close: stop,
    };
  },
};
