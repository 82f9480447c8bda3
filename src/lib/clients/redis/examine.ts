import type { ByteString } from '../../core/bytes.js';
import { hostOf } from '../host-of.js';
import type { Examiner } from '../../core/examiner.js';
import type { RedisSettings } from '../settings.js';
import { openRedis } from './client.js';

export function examineRedis(settings: RedisSettings): Examiner {
  return {
    system: 'Redis',
    target: settings.nodes.map(hostOf).join(','),
    async ask(inquiry) {
      const client = await openRedis(settings, inquiry, inquiry.signal);
      try {
        const { info } = client;
        const notes: string[] = [];
        if (client.cluster) notes.push(`cluster of ${client.masters.length} masters`);
        if (info.role === 'slave' && !client.cluster)
          notes.push(`a replica of ${info.master_host}:${info.master_port}: flush and warm need the master`);
        const policy = info.maxmemory_policy;
        if (policy)
          notes.push(
            info.maxmemory === '0' ? 'no maxmemory' : `maxmemory ${info.maxmemory_human}, ${policy}`,
          );
        return {
          target: client.target,
          version: info.redis_version,
          latencyMs: await inquiry.latency(() => client.call(['PING'], '' as ByteString)),
          notes,
        };
      } finally {
        client.close();
      }
    },
  };
}
