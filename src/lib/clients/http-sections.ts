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
  usualAddress: 'http://127.0.0.1:9200',
  schema: z.pipe(z.strictObject({ url: address() }), z.transform(reached)),
});

export const solrSection = section({
  key: 'solr',
  system: 'Solr',
  usualAddress: 'http://127.0.0.1:8983/solr',
  schema: z.pipe(z.strictObject({ url: address() }), z.transform(reached)),
});

export const prometheusSection = section({
  key: 'prometheus',
  system: 'Prometheus',
  usualAddress: 'http://127.0.0.1:9090',
  schema: z.pipe(
    z.strictObject({
      url: address(),
      token: z.optional(secret({ help: "bearer token, sent instead of the URL's user" })),
    }),
    z.transform(reached),
  ),
});
