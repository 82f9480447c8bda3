import { ownRedis } from '../../../servers/shared.js';
import { Probe } from '../../cache/redis-probe.js';
import { cacheVerbs, type Entry } from './cache-verbs.js';
import type { System } from './system.js';

export const redisReplies = [
  '+OK\r\n',
  ':1\r\n',
  ':-1\r\n',
  ':0\r\n',
  '$-1\r\n',
  '$3\r\nk:1\r\n',
  '-ERR no\r\n',
  '*0\r\n',
];

export function setCommand({ key, value, expires }: Entry): string[] {
  return ['SET', key, value, ...(expires ? ['EX', '3600'] : [])];
}

export const redis: System = {
  needs: ['redis'],
  async open(folder, behind) {
    const { port, database } = await ownRedis();
    const url = `redis://127.0.0.1:${await behind(port, redisReplies)}/${database}`;
    const probing = <T>(use: (probe: Probe) => Promise<T>) => Probe.with(port, database, use);
    return {
      env: { METRIFY_REDIS_URL: url },
      verbs: await cacheVerbs(folder, {
        level: 'redis',
        address: url,
        hashes: true,
        idleTimes: true,
        fill: (entries) =>
          probing(async (probe) => {
            await probe.ask('FLUSHDB');
            await probe.askAll(entries.map(setCommand));
          }),
        dump: () => probing((probe) => probe.dump()),
      }),
    };
  },
};
