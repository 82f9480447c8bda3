import { UserError } from '../core/errors.js';
import type {
  HazelcastSettings,
  HttpSettings,
  MemcachedSettings,
  PostgresSettings,
  RedisSettings,
  Timeouts,
} from './settings.js';

/** How to reach the systems of one environment. A system that is not configured is undefined. */
export interface Systems extends Timeouts {
  redis?: RedisSettings | undefined;
  memcached?: MemcachedSettings | undefined;
  hazelcast?: HazelcastSettings | undefined;
  postgres?: PostgresSettings | undefined;
  elasticsearch?: HttpSettings | undefined;
  solr?: HttpSettings | undefined;
  prometheus?: HttpSettings | undefined;
  /** Systems that something names, but not what was asked for: thrown where such a system is needed. */
  refused?: Readonly<Partial<Record<SystemName, UserError>>> | undefined;
}

const known = {
  redis: { title: 'Redis', variable: 'METRIFY_REDIS_URL' },
  memcached: { title: 'Memcached', variable: 'METRIFY_MEMCACHED_SERVERS' },
  hazelcast: { title: 'Hazelcast', variable: 'METRIFY_HAZELCAST_URL' },
  postgres: { title: 'PostgreSQL', variable: 'METRIFY_POSTGRES_URL' },
  elasticsearch: { title: 'Elasticsearch', variable: 'METRIFY_ELASTICSEARCH_URL' },
  solr: { title: 'Solr', variable: 'METRIFY_SOLR_URL' },
  prometheus: { title: 'Prometheus', variable: 'METRIFY_PROMETHEUS_URL' },
} as const;

export type SystemName = keyof typeof known;

/**
 * @param user what needs the system, as the subject of a sentence: `--sql`, `level 'warm'`
 * @throws UserError exit 2 `NOT_CONFIGURED`, or why the system is refused
 */
export function requireSystem<N extends SystemName>(
  systems: Omit<Systems, keyof Timeouts>,
  name: N,
  user: string,
): NonNullable<Systems[N]> {
  const settings = systems[name];
  if (settings !== undefined) return settings;
  const { title, variable } = known[name];
  throw (
    systems.refused?.[name] ??
    new UserError(`${user} needs ${title}, and none is configured`, {
      code: 'NOT_CONFIGURED',
      hint: `Set ${variable}, or the section ${name} in metrify.config.yaml.`,
    })
  );
}
