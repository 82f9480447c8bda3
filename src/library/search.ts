/* What `import … from 'metrify/search'` gives. */
export { ServiceConflict, ServiceRefused, ServiceUnavailable, UserError } from '../lib/core/errors.js';
export type { Box } from '../lib/search/query/place.js';
export type { AggregationResult, Place } from '../lib/search/query/question.js';
export type { SearchQuestion } from '../lib/search/service/question.js';
export {
  type CallOptions,
  openSearch,
  type Search,
  type SearchHit,
  type SearchResult,
  searchSensors,
} from '../lib/search/service/search.js';
export type { SearchConnectionSettings } from '../lib/search/service/settings.js';
