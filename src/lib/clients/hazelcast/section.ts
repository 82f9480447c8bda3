import * as z from 'zod/mini';

import { section } from '../../core/schema/section.js';
import { secret, text, urls } from '../../core/schema/setting.js';
import type { HazelcastSettings } from '../settings.js';
import { hazelcastSchemes, hazelcastTarget } from './address.js';

export const hazelcastSection = section({
  key: 'hazelcast',
  system: 'Hazelcast',
  usualAddress: 'hazelcast://127.0.0.1:5701',
  schema: z.pipe(
    z.strictObject({
      url: z.optional(
        urls(hazelcastSchemes, (members) => hazelcastTarget({ urls: members }), {
          help: 'URL of a member, or of several, with commas',
          address: true,
        }),
      ),
      clusterName: z.optional(text({ help: "the cluster's name; where nothing is said, dev" })),
      map: z.optional(text({ help: 'the map that is the cache; where nothing is said, metrify' })),
      username: z.optional(text({ help: 'user, where the URL has none' })),
      password: z.optional(secret({ help: 'password, where the URL has none' })),
    }),
    z.transform(({ url, ...more }): HazelcastSettings | undefined => url && { urls: url, ...more }),
  ),
  examine: async (settings) => [(await import('./examine.js')).examineHazelcast(settings)],
});
