import type { ByteString } from '../core/bytes.js';

/** Keys that metrify itself keeps in a cache: queues, counters, versions. No flush removes them. */
export function isOwnKey(key: ByteString): boolean {
  return key.startsWith('metrify:') || key.startsWith('{metrify:');
}
