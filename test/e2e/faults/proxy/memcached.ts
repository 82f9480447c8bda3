import { startMemcached } from '../../../servers/memcached.js';
import { converse, memcachedGet } from '../../cache/memcached-probe.js';
import { cacheVerbs } from './cache-verbs.js';
import type { System } from './system.js';

const replies = [
  ...[
    'STORED\r\n',
    'NOT_STORED\r\n',
    'DELETED\r\n',
    'NOT_FOUND\r\n',
    'END\r\n',
    'ERROR\r\n',
    'SERVER_ERROR no\r\n',
  ],
  ...['VALUE k:1 0 3\r\nabc\r\nEND\r\n', 'VERSION 1.6.0\r\n', 'STAT pid 1\r\n', 'HD t-1\r\n', 'EN\r\n'],
];

export const memcached: System = {
  needs: ['memcached'],
  async open(folder, behind) {
    const memory = await startMemcached();
    const server = `127.0.0.1:${await behind(memory.port, replies)}`;
    const keys = async () => {
      const dump = await converse(memory.server, 'lru_crawler metadump hash\r\n');
      return [...dump.matchAll(/^key=(\S+)/gm)].map(([, key]) => decodeURIComponent(key!));
    };
    return {
      env: { METRIFY_MEMCACHED_SERVERS: server },
      verbs: await cacheVerbs(folder, {
        level: 'memcached',
        address: server,
        hashes: false,
        idleTimes: true,
        async fill(entries) {
          const sets = entries.map(
            ({ key, value, expires }) =>
              `set ${key} 0 ${expires ? 3600 : 0} ${value.length} noreply\r\n${value}\r\n`,
          );
          await converse(memory.server, `flush_all noreply\r\n${sets.join('')}get none\r\n`);
        },
        async dump() {
          const found = await memcachedGet(memory.server, await keys());
          return new Map([...found].map(([key, value]) => [key, { value }]));
        },
      }),
      close: () => memory.stop(),
    };
  },
};
