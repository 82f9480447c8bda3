import type { CacheSettings } from '../lib/cache/settings.js';
import type { Systems } from '../lib/clients/systems.js';
import type { ConfiguredRollout } from './config/rollout.js';

/** One environment of the configuration, resolved: see `config/precedence.ts` for what wins. */
export interface Settings extends Systems {
  environment: string;
  cache: CacheSettings;
  /** Of the commands deploy and canary. */
  rollouts: readonly ConfiguredRollout[];
}
