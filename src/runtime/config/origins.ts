import { maskSecrets } from '../../lib/core/redact.js';
import type { Settings } from '../settings.js';
import type { EnvironmentInput } from './file.js';
import { type ConfiguredRollout, leavesOf, pathName } from './rollout.js';

/** One setting in force. */
export interface Origin {
  path: string;
  /** As it was written; a password in it is masked. */
  value: string;
  /** `flag`, `environment variable X`, `FILE:LINE:COL` or `default`. */
  from: string;
  /** Where a secret was looked up: `variable NAME` or `file PATH`. */
  via?: string;
}

/** The rows of `config show` for the parts of `cache` that are no single values. */
export function cacheOrigins(
  { cache }: Pick<Settings, 'cache'>,
  written: EnvironmentInput,
  at: (...path: PropertyKey[]) => string,
): Origin[] {
  const levels = cache.levels.map((level, index) => {
    const { name, type, size, ttl, table } = written.cache?.levels?.[index] ?? {
      ...level,
      size: undefined,
      ttl: undefined,
    };
    const details = [
      type,
      size && `size ${size}`,
      ttl && `ttl ${ttl}`,
      (table ?? level.table) && `table ${level.table}`,
    ];
    return {
      path: `cache.levels.${name}`,
      value: details.filter(Boolean).join(', '),
      from: written.cache?.levels ? at('cache', 'levels', index) : 'default',
    };
  });
  const tiers = cache.tiers.map((tier, index) => ({
    path: `cache.tiers.${tier.pattern}`,
    value: tier.levels.join(', '),
    from: at('cache', 'tiers', index),
  }));
  const tables = Object.entries(cache.writeBehind?.tables ?? {}).map(([table, { key }]) => ({
    path: `cache.writeBehind.tables.${table}`,
    value: `key ${key.join(', ')}`,
    from: at('cache', 'writeBehind', 'tables', table),
  }));
  return [...levels, ...tiers, ...tables];
}

/** A row for each value that a rollout's description has; its secrets are not looked up. */
export function rolloutOrigins({ written, at }: ConfiguredRollout): Origin[] {
  return leavesOf(written)
    .filter(({ path }) => path[0] !== 'app')
    .map(({ path, text, reference }) => ({
      path: `rollouts.${written.app}.${pathName(path)}`,
      value: reference ? '***' : maskSecrets(text),
      from: at(path),
      ...(reference ? { via: text } : {}),
    }));
}
