import { needs } from '../../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../../servers/search.js';
import { queryCases } from './cases.js';

needs('search')('questions to Elasticsearch 9', () => {
  let server: Promise<SharedSearch> | undefined;
  // It counts a document that is written four times, against a tenth of its heap.
  queryCases(() => (server ??= searchServer('elasticsearch-9')), { largeBytes: 9 * 1024 * 1024 });
});
