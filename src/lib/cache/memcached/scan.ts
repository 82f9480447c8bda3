import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import type { MemcachedConnection } from '../../clients/memcached/connection.js';
import { DumpLost, metadump, type DumpedItem } from '../../clients/memcached/metadump.js';
import type { Timeouts } from '../../clients/settings.js';
import { compileGlob } from '../glob.js';
import type { KeyBatch, KeyInfo, ScanOptions } from '../bulk-level.js';
import { Reservoir } from '../reservoir.js';

const pauseMs = 250;

export interface ServerScanOptions extends ScanOptions {
  timeouts: Timeouts;
  clock: Clock;
}

/**
 * The keys of one server, by its crawler. A dump has no random order (old servers: from the smallest items to the
 * largest), so a limit is kept by a uniform sample of the whole. When the connection is lost, the walk starts again.
 * @throws ServiceUnavailable, UserError.
 */
export async function* scanServer(
  connection: MemcachedConnection,
  options: ServerScanOptions,
): AsyncGenerator<KeyBatch> {
  const { timeouts, clock, signal } = options;
  const node = connection.address.label;
  let lostAt: number | undefined;
  for (;;) {
    try {
      for await (const keys of walk(connection, options)) {
        lostAt = undefined;
        yield { node, keys };
      }
      return;
    } catch (error) {
      if (!(error instanceof DumpLost || (lostAt !== undefined && error instanceof ServiceUnavailable)))
        throw error;
      lostAt ??= clock.monotonic();
      if (clock.monotonic() - lostAt + pauseMs > timeouts.requestTimeoutMs) throw error;
    }
    await clock.sleep(pauseMs, signal);
    yield { node, keys: [], restart: true };
  }
}

async function* walk(connection: MemcachedConnection, options: ServerScanOptions): AsyncGenerator<KeyInfo[]> {
  const { pattern, limit, details } = options;
  const matches = pattern === undefined ? () => true : compileGlob(pattern);
  const sample = limit === undefined ? undefined : new Reservoir<KeyInfo>(limit);
  for await (const items of metadump(connection.address, options.timeouts, options.clock, options.signal)) {
    const now = Math.floor(connection.serverNow() / 1000);
    const keys: KeyInfo[] = [];
    for (const item of items) {
      const expired = item.expires !== -1 && item.expires <= now;
      if (!expired && matches(item.key)) keys.push(describe(item, now, details));
    }
    if (sample) for (const key of keys) sample.offer(key);
    else if (keys.length > 0) yield keys;
  }
  if (sample && sample.items.length > 0) yield sample.items;
}

function describe(item: DumpedItem, now: number, details: ScanOptions['details']): KeyInfo {
  const info: KeyInfo = { key: item.key, type: 'item' };
  if (details.ttl) info.ttlMs = item.expires === -1 ? -1 : (item.expires - now) * 1000;
  if (details.size) info.bytes = item.bytes;
  if (details.idle) info.idleMs = Math.max(0, now - item.accessed) * 1000;
  return info;
}
