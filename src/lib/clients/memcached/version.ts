import { systemClock } from '../../core/clock.js';
import type { MemcachedSettings, Timeouts } from '../settings.js';
import { parseAddress } from './address.js';
import { MemcachedConnection } from './connection.js';
import { StatsExchange } from './exchange.js';

/** Version and round-trip time in milliseconds of each server. @throws ServiceUnavailable, ServiceRefused. */
export function memcachedVersions(
  settings: MemcachedSettings,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<{ version: string; latencyMs: number }[]> {
  return Promise.all(
    settings.servers.map(async (server) => {
      const connection = await MemcachedConnection.open(parseAddress(server), timeouts, systemClock, signal);
      try {
        const started = performance.now();
        const stats = await connection.request(new StatsExchange());
        return { version: stats.get('version') ?? '', latencyMs: performance.now() - started };
      } finally {
        connection.close();
      }
    }),
  );
}
