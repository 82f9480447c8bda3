import { cacheSection } from '../lib/cache/section.js';
import { httpSections } from '../lib/clients/http-sections.js';
import { s3Section } from '../lib/clients/s3/section.js';
import { systemSections, timeoutsSection } from '../lib/clients/systems.js';
import type { Description, ValueOf } from '../lib/core/schema/section.js';
import { scenarioDescription } from '../lib/load/scenario/contradictions.js';
import { searchSection } from '../lib/search/section.js';
import { rolloutDescription, rolloutsSection } from '../lib/rollout/section.js';

/** Every section that an environment of the configuration can have. */
export const sections = [
  timeoutsSection,
  ...systemSections,
  ...httpSections,
  s3Section,
  cacheSection,
  rolloutsSection,
  searchSection,
] as const;

/** What can be described in a file of its own. */
export const descriptions: readonly Description[] = [rolloutDescription, scenarioDescription];

type Sections = (typeof sections)[number];
/** The section without a key has its members at the top. */
type TopValues = NonNullable<ValueOf<typeof timeoutsSection>>;
type Values = { [S in Exclude<Sections, { key: '' }> as S['key']]: ValueOf<S> };

declare module '../runtime/settings.js' {
  // The sections' values become members.
  interface Settings extends Values, TopValues {}
}
