import type { ByteString } from '../core/bytes.js';
import { ServiceConflict } from '../core/errors.js';
import { keyText } from './key-text.js';

/** Keys that metrify itself keeps in a cache: queues, counters, versions. No verb for single keys writes or removes them. */
export function isOwnKey(key: ByteString): boolean {
  return key.startsWith('metrify:') || key.startsWith('{metrify:');
}

/** @throws ServiceConflict exit 4 */
export function refuseOwnKey(key: ByteString): void {
  if (isOwnKey(key))
    throw new ServiceConflict(`'${keyText(key)}' is one of metrify's own keys`, {
      code: 'OWN_KEY',
      hint: 'Keys that begin with metrify: are managed by the verbs of the queue, and by the library.',
    });
}
