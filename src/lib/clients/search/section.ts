import * as z from 'zod/mini';

import { section } from '../../core/schema/section.js';
import { choice, secret, text, urls, yesNo } from '../../core/schema/setting.js';
import { readUrl } from '../../core/url.js';
import { serviceUrl } from '../../http/url-shapes.js';
import { mutualTlsSettings } from '../tls.js';
import { searchContradictions } from './contradictions.js';
import type { SearchSettings } from './settings.js';

/** What both systems have. */
function common() {
  return {
    url: z.optional(
      urls(serviceUrl.schemes, (nodes) => nodes.forEach((node) => readUrl(node, serviceUrl)), {
        help: 'URL of a node, or of several of one cluster, with commas',
        address: true,
      }),
    ),
    username: z.optional(text({ help: 'user, where the URL has none' })),
    password: z.optional(secret({ help: 'password, where the URL has none' })),
    token: z.optional(secret({ help: 'bearer token' })),
    ...mutualTlsSettings(),
  };
}

function reached({
  url,
  ...more
}: Omit<SearchSettings, 'urls'> & { url?: string[] | undefined }): SearchSettings | undefined {
  return url && { urls: url, ...more };
}

/** Elasticsearch, and OpenSearch, which speaks the same protocol. */
export const elasticsearchSection = section({
  key: 'elasticsearch',
  system: 'Elasticsearch',
  usualAddress: 'http://127.0.0.1:9200',
  schema: z.pipe(
    z.strictObject({
      ...common(),
      apiKey: z.optional(secret({ help: 'API key, encoded, as it was created' })),
      awsRegion: z.optional(text({ help: 'requests are signed (SigV4) for that region of AWS' })),
      awsService: z.optional(
        choice(['es', 'aoss'], {
          help: 'what they are signed for; aoss: OpenSearch Serverless. Without it es',
        }),
      ),
      awsAccessKeyId: z.optional(
        secret({ help: 'access key of AWS. Without it `AWS_ACCESS_KEY_ID` and its companions' }),
      ),
      awsSecretAccessKey: z.optional(secret({ help: 'secret access key of AWS' })),
      awsSessionToken: z.optional(secret({ help: 'token of temporary credentials of AWS' })),
      gzip: z.optional(
        yesNo({ help: 'true: requests and answers travel as gzip, which pays on slow networks' }),
      ),
    }),
    z.transform(reached),
  ),
  contradictions: searchContradictions,
  examine: async (settings, env) => {
    const { examineElasticsearch } = await import('./examine.js');
    return examineElasticsearch(settings, env);
  },
});

export const solrSection = section({
  key: 'solr',
  system: 'Solr',
  usualAddress: 'http://127.0.0.1:8983/solr',
  schema: z.pipe(z.strictObject(common()), z.transform(reached)),
  contradictions: searchContradictions,
  examine: async (settings) => (await import('./examine.js')).examineSolr(settings),
});
