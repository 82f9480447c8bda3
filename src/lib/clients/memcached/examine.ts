import { systemClock } from '../../core/clock.js';
import type { Examiner, Inquiry } from '../../core/examiner.js';
import type { MemcachedSettings } from '../settings.js';
import { parseAddress } from './address.js';
import { MemcachedConnection } from './connection.js';
import { StatsExchange } from './exchange.js';

export function examineMemcached({ servers }: MemcachedSettings): Examiner {
  return {
    system: 'Memcached',
    target: servers.join(','),
    async ask(inquiry) {
      const found = await Promise.all(servers.map((server) => askServer(server, inquiry)));
      return {
        version: [...new Set(found.map(({ version }) => version))].join(', '),
        latencyMs: Math.max(...found.map(({ latencyMs }) => latencyMs)),
      };
    },
  };
}

async function askServer(server: string, inquiry: Inquiry): Promise<{ version: string; latencyMs: number }> {
  const connection = await MemcachedConnection.open(
    parseAddress(server),
    inquiry,
    systemClock,
    inquiry.signal,
  );
  try {
    const stats = await connection.request(new StatsExchange());
    return {
      version: stats.get('version') ?? '',
      latencyMs: await inquiry.latency(() => connection.request(new StatsExchange())),
    };
  } finally {
    connection.close();
  }
}
