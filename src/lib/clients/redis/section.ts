import * as z from 'zod/mini';

import { section } from '../../core/schema/section.js';
import { checkTogether, secret, text, url, urls } from '../../core/schema/setting.js';
import type { RedisSettings } from '../settings.js';
import { tlsSettings } from '../tls.js';
import { parseRedisUrl, redisSchemes, redisTarget } from './address.js';

const readNodes = (nodes: string[]) => redisTarget({ nodes });

export const redisSection = section({
  key: 'redis',
  system: 'Redis',
  usualAddress: 'redis://127.0.0.1:6379',
  schema: z.pipe(
    z
      .strictObject({
        url: z.optional(
          urls(redisSchemes, readNodes, {
            help: 'its URL; several, with commas, mean a cluster',
            address: true,
          }),
        ),
        nodes: z.optional(
          z
            .array(url(redisSchemes, parseRedisUrl, { help: 'the same as a list', address: true }))
            .check(z.minLength(1), checkTogether(readNodes)),
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
