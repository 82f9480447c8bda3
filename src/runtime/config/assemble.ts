import type { LevelSettings, LevelType } from '../../lib/cache/settings.js';
import type { Settings } from '../settings.js';
import { parseDuration, parseSize } from '../../lib/core/units.js';
import type { EnvironmentInput } from './file.js';
import type { ScalarValues } from './scalars.js';

const defaultTable = 'metrify_cache';

/** The settings as the rest of the program sees them, from single values and from what the file has beside them. */
export function assemble(
  environment: string,
  values: ScalarValues,
  written: EnvironmentInput,
  refused: NonNullable<Settings['refused']>,
): Omit<Settings, 'rollouts'> {
  const http = (url: string | undefined) => (url === undefined ? undefined : { url });
  const systems = {
    redis: values['redis.url'] && {
      nodes: values['redis.url'],
      username: values['redis.username'],
      password: values['redis.password'],
      tlsVerify: values['redis.tlsVerify'],
      tlsCa: values['redis.tlsCa'],
    },
    memcached: values['memcached.servers'] && { servers: values['memcached.servers'] },
    hazelcast: values['hazelcast.url'] && {
      urls: values['hazelcast.url'],
      clusterName: values['hazelcast.clusterName'],
      map: values['hazelcast.map'],
      username: values['hazelcast.username'],
      password: values['hazelcast.password'],
    },
    postgres:
      values['postgres.url'] === undefined
        ? undefined
        : {
            url: values['postgres.url'],
            tlsVerify: values['postgres.tlsVerify'],
            tlsCa: values['postgres.tlsCa'],
          },
  };
  const tables = written.cache?.writeBehind?.tables;
  const durability = values['cache.writeBehind.durability'];
  return {
    environment,
    connectTimeoutMs: values.connectTimeout ?? 0,
    requestTimeoutMs: values.requestTimeout ?? 0,
    ...systems,
    refused,
    elasticsearch: http(values['elasticsearch.url']),
    solr: http(values['solr.url']),
    prometheus:
      values['prometheus.url'] === undefined
        ? undefined
        : { url: values['prometheus.url'], token: values['prometheus.token'] },
    cache: {
      levels: written.cache?.levels?.map(readLevel) ?? defaultLevels(systems, refused),
      tiers: written.cache?.tiers ?? [],
      writeBehind:
        written.cache?.writeBehind === undefined && durability === undefined
          ? undefined
          : { tables: tables ?? {}, durability: durability ?? 'memory' },
    },
  };
}

/** Levels whose system is not configured. */
export function missingSystems(settings: Omit<Settings, 'rollouts'>): { index: number; message: string }[] {
  return settings.cache.levels.flatMap(({ name, type }, index) => {
    if (type === 'memory') return [];
    const system = systemOf(type);
    return settings[system] === undefined && settings.refused?.[system] === undefined
      ? [{ index, message: `level '${name}' is of type ${type}, but ${system} is not configured` }]
      : [];
  });
}

type System = 'redis' | 'memcached' | 'hazelcast' | 'postgres';

function systemOf(type: Exclude<LevelType, 'memory'>): System {
  return type === 'database' ? 'postgres' : type;
}

/** One level a configured system, the fastest first; behind them the refused ones, which can be named. */
function defaultLevels(...rows: Partial<Record<System, unknown>>[]): LevelSettings[] {
  const types = ['redis', 'memcached', 'hazelcast', 'database'] as const;
  return rows
    .flatMap((systems) => types.filter((type) => systems[systemOf(type)] !== undefined))
    .map((type) => ({ name: type, type, table: type === 'database' ? defaultTable : undefined }));
}

function readLevel(
  level: NonNullable<NonNullable<EnvironmentInput['cache']>['levels']>[number],
): LevelSettings {
  return {
    name: level.name,
    type: level.type,
    size: level.size === undefined ? undefined : parseSize(level.size),
    ttl: level.ttl === undefined ? undefined : parseDuration(level.ttl),
    table: level.table ?? (level.type === 'database' ? defaultTable : undefined),
  };
}
