import * as z from 'zod/mini';

import { section } from '../../core/schema/section.js';
import { secret, text, urls } from '../../core/schema/setting.js';
import { readUrl } from '../../core/url.js';
import { serviceUrl } from '../../http/url-shapes.js';
import { tlsSettings } from '../tls.js';
import type { SearchSettings } from './settings.js';

function searchSchema() {
  return z.pipe(
    z.strictObject({
      url: z.optional(
        urls(serviceUrl.schemes, (nodes) => nodes.forEach((node) => readUrl(node, serviceUrl)), {
          help: 'URL of a node, or of several, with commas',
          address: true,
        }),
      ),
      username: z.optional(text({ help: 'user, where the URL has none' })),
      password: z.optional(secret({ help: 'password, where the URL has none' })),
      apiKey: z.optional(secret({ help: 'API key, encoded, as it was created' })),
      token: z.optional(secret({ help: 'bearer token' })),
      ...tlsSettings(),
    }),
    z.transform(({ url, ...more }): SearchSettings | undefined => url && { urls: url, ...more }),
  );
}

/** Elasticsearch, and OpenSearch, which speaks the same protocol. */
export const elasticsearchSection = section({
  key: 'elasticsearch',
  system: 'Elasticsearch',
  usualAddress: 'http://127.0.0.1:9200',
  schema: searchSchema(),
  examine: async (settings) => [(await import('./examine.js')).examineElasticsearch(settings)],
});

export const solrSection = section({
  key: 'solr',
  system: 'Solr',
  usualAddress: 'http://127.0.0.1:8983/solr',
  schema: searchSchema(),
  examine: async (settings) => [(await import('./examine.js')).examineSolr(settings)],
});
