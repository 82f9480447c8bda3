import * as z from 'zod/mini';

import { section } from '../../core/schema/section.js';
import { addresses } from '../../core/schema/setting.js';
import type { MemcachedSettings } from '../settings.js';

export const memcachedSection = section({
  key: 'memcached',
  system: 'Memcached',
  usualAddress: '127.0.0.1:11211',
  schema: z.pipe(
    z.strictObject({
      servers: z.optional(addresses({ help: 'list of `HOST:PORT`, or of paths of sockets', address: true })),
    }),
    z.transform(({ servers }): MemcachedSettings | undefined => servers && { servers }),
  ),
  examine: async (settings) => [(await import('./examine.js')).examineMemcached(settings)],
});
