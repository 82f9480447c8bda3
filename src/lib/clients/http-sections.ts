import * as z from 'zod/mini';

import { section } from '../core/schema/section.js';
import { secret, url } from '../core/schema/setting.js';
import type { HttpSettings } from './settings.js';

function address() {
  return z.optional(url(['http', 'https'], { help: 'its URL', address: true }));
}

function reached({ url: at, ...more }: { url?: string | undefined }): HttpSettings | undefined {
  return at === undefined ? undefined : { url: at, ...more };
}

export const elasticsearchSection = section({
  key: 'elasticsearch',
  system: 'Elasticsearch',
  schema: z.pipe(z.strictObject({ url: address() }), z.transform(reached)),
});

export const solrSection = section({
  key: 'solr',
  system: 'Solr',
  schema: z.pipe(z.strictObject({ url: address() }), z.transform(reached)),
});

export const prometheusSection = section({
  key: 'prometheus',
  system: 'Prometheus',
  schema: z.pipe(
    z.strictObject({
      url: address(),
      token: z.optional(secret({ help: "bearer token, sent instead of the URL's user" })),
    }),
    z.transform(reached),
  ),
});
