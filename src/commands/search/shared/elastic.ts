import { UserError } from '../../../lib/core/errors.js';
import type { ElasticClient } from '../../../lib/search/elastic/client.js';
import type { SearchEngine } from '../../../lib/search/engine.js';

/** Elasticsearch or OpenSearch behind the port. @throws UserError exit 2 when it is Solr */
export async function elasticClientOf(engine: SearchEngine, user: string): Promise<ElasticClient> {
  const { ElasticEngine } = await import('../../../lib/search/elastic/engine.js');
  if (engine instanceof ElasticEngine) return engine.client;
  throw new UserError(`${user} needs Elasticsearch or OpenSearch, and ${engine.name} is neither`, {
    code: 'ENGINE_LACKS',
  });
}
