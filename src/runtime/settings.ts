import type { CacheSettings } from '../lib/cache/settings.js';
import type {
  HazelcastSettings,
  HttpSettings,
  MemcachedSettings,
  PostgresSettings,
  RedisSettings,
  Timeouts,
} from '../lib/clients/settings.js';
import type { ConfiguredRollout } from './config/rollout.js';

/** One environment of the configuration, resolved: flag > environment variable > file > default. */
export interface Settings extends Timeouts {
  environment: string;
  postgres?: PostgresSettings | undefined;
  redis?: RedisSettings | undefined;
  memcached?: MemcachedSettings | undefined;
  hazelcast?: HazelcastSettings | undefined;
  elasticsearch?: HttpSettings | undefined;
  solr?: HttpSettings | undefined;
  prometheus?: HttpSettings | undefined;
  cache: CacheSettings;
  /** Of the commands deploy and canary. */
  rollouts: readonly ConfiguredRollout[];
}
