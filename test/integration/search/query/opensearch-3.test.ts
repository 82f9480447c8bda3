import { needs } from '../../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../../servers/search.js';
import { queryCases } from './cases.js';

needs('search')('questions to OpenSearch 3', () => {
  let server: Promise<SharedSearch> | undefined;
  queryCases(() => (server ??= searchServer('opensearch-3')));
});
