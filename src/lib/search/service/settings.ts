import * as z from 'zod/mini';

import { searchContradictions } from '../../clients/search/contradictions.js';
import { elasticsearchSection, solrSection } from '../../clients/search/section.js';
import type { SearchSettings } from '../../clients/search/settings.js';
import type { Timeouts } from '../../clients/settings.js';
import { UserError } from '../../core/errors.js';
import { type Finding, read } from '../../core/schema/findings.js';
import { pathName } from '../../core/schema/leaves.js';
import { duration } from '../../core/schema/setting.js';

/** The settings of `elasticsearch` or `solr` in `metrify.config.yaml`. Whatever is not known is refused. */
export interface SearchConnectionSettings extends Partial<Omit<SearchSettings, 'urls'>> {
  /** Of a node, or of several of one cluster. OpenSearch is `elasticsearch`, which is the default. */
  readonly url: string | readonly string[];
  readonly engine?: 'elasticsearch' | 'solr' | undefined;
  /** Milliseconds, or text with a unit. Default 5s. */
  readonly connectTimeout?: number | string | undefined;
  /** Default 30s. */
  readonly requestTimeout?: number | string | undefined;
}

export interface ReadConnectionSettings {
  readonly engine: 'elasticsearch' | 'solr';
  readonly settings: SearchSettings;
  readonly timeouts: Timeouts;
}

const schema = z.looseObject({
  engine: z.optional(z.enum(['elasticsearch', 'solr'])),
  connectTimeout: z.optional(duration({ help: 'how long a connection may take' })),
  requestTimeout: z.optional(duration({ help: 'how long an answer may take' })),
});

/** @throws UserError `SETTINGS_INVALID`, with everything that is wrong */
export function readConnectionSettings(given: SearchConnectionSettings): ReadConnectionSettings {
  const general = read(schema, given);
  if (general.value === undefined) throw invalid('openSearch', general.findings);
  const { engine = 'elasticsearch', connectTimeout = 5000, requestTimeout = 30_000, ...own } = general.value;
  const section = engine === 'solr' ? solrSection : elasticsearchSection;
  const { value: settings, findings } = read(section.schema, own);
  if (findings.length > 0) throw invalid('openSearch', findings);
  if (settings === undefined)
    throw invalid('openSearch', [{ path: ['url'], message: "'url' is missing here" }]);
  const contradictions = searchContradictions(settings);
  if (contradictions.length > 0) throw invalid('openSearch', contradictions);
  return {
    engine,
    settings,
    timeouts: { connectTimeoutMs: connectTimeout, requestTimeoutMs: requestTimeout },
  };
}

/** @param caller as a service has called it */
export function invalid(caller: string, findings: readonly Finding[]): UserError {
  return new UserError(
    `${caller}: ${findings.map(({ path, message }) => `${pathName(path)}: ${message}`).join('; ')}`,
    { code: 'SETTINGS_INVALID' },
  );
}
