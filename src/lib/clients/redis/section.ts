import * as z from 'zod/mini';

import { section } from '../../core/schema/section.js';
import { secret, text, url, urls } from '../../core/schema/setting.js';
import type { RedisSettings } from '../settings.js';
import { tlsSettings } from '../tls.js';

const schemes = ['redis', 'rediss'];

export const redisSection = section({
  key: 'redis',
  system: 'Redis',
  usualAddress: 'redis://127.0.0.1:6379',
  schema: z.pipe(
    z
      .strictObject({
        url: z.optional(
          urls(schemes, { help: 'its URL; several, with commas, mean a cluster', address: true }),
        ),
        nodes: z.optional(
          z.array(url(schemes, { help: 'the same as a list', address: true })).check(z.minLength(1)),
        ),
        username: z.optional(text({ help: 'user, where the URL has none' })),
        password: z.optional(secret({ help: 'password, where the URL has none' })),
        ...tlsSettings(),
      })
      .check(({ value, issues }) => {
        if (value.url === undefined || value.nodes === undefined) return;
        const message = 'redis has a url already: give url or nodes, not both';
        issues.push({ code: 'custom', message, path: ['nodes'], input: value });
      }),
    z.transform(({ url: address, nodes = address, ...more }): RedisSettings | undefined =>
      nodes === undefined ? undefined : { nodes, ...more },
    ),
  ),
  examine: async (settings) => [(await import('./examine.js')).examineRedis(settings)],
});
