import * as z from 'zod/mini';

import { section } from '../../core/schema/section.js';
import { url } from '../../core/schema/setting.js';
import type { PostgresSettings } from '../settings.js';
import { tlsSettings } from '../tls.js';
import { parsePostgresUrl, postgresSchemes } from './target.js';

export const postgresSection = section({
  key: 'postgres',
  system: 'PostgreSQL',
  usualAddress: 'postgres://127.0.0.1:5432/postgres',
  schema: z.pipe(
    z.strictObject({
      url: z.optional(
        url(postgresSchemes, parsePostgresUrl, {
          help: 'its URL, with sslmode where TLS is wanted',
          address: true,
        }),
      ),
      ...tlsSettings(),
    }),
    z.transform(({ url: address, ...more }): PostgresSettings | undefined =>
      address === undefined ? undefined : { url: address, ...more },
    ),
  ),
  examine: async (settings) => [(await import('./examine.js')).examinePostgres(settings)],
});
