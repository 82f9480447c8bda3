import type { SearchSection, SearchSettings } from '../clients/search/settings.js';
import type { Timeouts } from '../clients/settings.js';
import type { SearchEngine } from './engine.js';

/**
 * Connects, and asks who is there.
 * @throws HttpFailure; SearchRefusal; UserError `NOT_A_SEARCH_SERVER`; as SearchConnection; the signal's reason
 */
export async function openEngine(
  section: SearchSection,
  settings: SearchSettings,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<SearchEngine> {
  if (section === 'solr') {
    const { openSolr } = await import('./solr/engine.js');
    return openSolr(settings, timeouts, signal);
  }
  const { openElastic } = await import('./elastic/engine.js');
  return openElastic(settings, timeouts, signal);
}
