import * as z from 'zod/mini';

import type { SystemName, Systems } from '../clients/systems.js';
import type { Timeouts } from '../clients/settings.js';
import type { Finding } from '../core/schema/findings.js';
import { type Origin, section, type Written } from '../core/schema/section.js';
import { choice, duration, size, text } from '../core/schema/setting.js';
import { readGlob } from './glob.js';
import type { CacheSettings, LevelSettings } from './settings.js';

export const levelTypes = ['memory', 'redis', 'memcached', 'hazelcast', 'database'] as const;

const defaultTable = 'metrify_cache';

const levelName = (help: string) =>
  text({ help }, (value) => {
    if (/^[A-Za-z0-9._-]+$/.test(value)) return value;
    throw new Error(`'${value}' is not a name: letters, digits, dot, dash and underscore only`);
  });

/** A table's name, with its schema if it is given. */
function tableName(value: string): string {
  if (/^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$/.test(value)) return value;
  throw new Error(`'${value}' is not a table's name`);
}

const level = z.strictObject({
  name: levelName('its name, for --level and --to'),
  type: choice(levelTypes, { help: 'the system that holds it; memory: inside a service' }),
  size: z.optional(size({ help: 'bytes that a memory level holds' })),
  ttl: z.optional(duration({ help: 'time to live of what is written without one' })),
  table: z.optional(text({ help: 'table of a database level', default: defaultTable }, tableName)),
});

const tier = z.strictObject({
  pattern: text({ help: 'glob of the keys' }, readGlob),
  levels: z.array(levelName('a level')).check(z.minLength(1)),
});

export const writtenTables = z.record(
  z.string(),
  z.strictObject({ key: z.array(text({ help: 'a column of the key' })).check(z.minLength(1)) }),
);

/** What `cache` is in a configuration file, and what `openCache` takes. */
export const cacheSchema = z.strictObject({
  levels: z.optional(z.array(level).check(z.minLength(1))),
  tiers: z.optional(z.array(tier)),
  writeBehind: z.optional(
    z.strictObject({
      durability: z.optional(
        choice(['memory', 'replica', 'fsync'], {
          help: 'what an acknowledged write survives; where nothing is said, memory',
        }),
      ),
      tables: z.optional(writtenTables),
    }),
  ),
});

type WrittenCache = z.infer<typeof cacheSchema>;

export const cacheSection = section({
  key: 'cache',
  schema: cacheSchema,
  contradictions: levelContradictions,
  finish(cache: WrittenCache | undefined, written, systems: Systems) {
    const settings = completeCache(cache, systems);
    const names = settings.levels.map(({ name }) => name);
    return {
      value: settings,
      // The levels that there are without any in the file depend on the systems.
      findings: cache?.levels ? [] : unknownLevels(settings.tiers, names),
      warnings: missingSystems(settings.levels, systems),
      origins: origins(settings, written),
    };
  },
  names: ({ levels }) => ({ levels: levels.map(({ name }) => name) }),
});

/** Levels that occur twice, that have what others have, or that are named and are not there. */
export function levelContradictions({ levels, tiers = [] }: WrittenCache): Finding[] {
  if (!levels) return [];
  const found: Finding[] = [];
  const names = new Set<string>();
  for (const [index, { name, type, table }] of levels.entries()) {
    if (names.has(name))
      found.push({ path: ['levels', index, 'name'], message: `there are two levels named '${name}'` });
    names.add(name);
    if (table !== undefined && type !== 'database')
      found.push({ path: ['levels', index, 'table'], message: 'only a database level has a table' });
  }
  return [...found, ...unknownLevels(tiers, [...names])];
}

/** Tiers that name a level which is none of these. */
function unknownLevels(tiers: CacheSettings['tiers'], names: string[]): Finding[] {
  return tiers.flatMap((one, index) =>
    one.levels.flatMap((name, position) =>
      names.includes(name)
        ? []
        : [
            {
              path: ['tiers', index, 'levels', position],
              message: `there is no level '${name}'; there ${names.length === 0 ? 'are none' : `are ${names.join(', ')}`}`,
            },
          ],
    ),
  );
}

/** With its defaults: a level for each system that is configured. */
export function completeCache(
  { levels, tiers = [], writeBehind }: WrittenCache = {},
  systems: Omit<Systems, keyof Timeouts>,
): CacheSettings {
  return {
    levels: levels?.map(withTable) ?? defaultLevels(systems, systems.refused ?? {}),
    tiers,
    writeBehind: writeBehind && {
      tables: writeBehind.tables ?? {},
      durability: writeBehind.durability ?? 'memory',
    },
  };
}

function withTable(one: LevelSettings): LevelSettings {
  return one.type === 'database' ? { ...one, table: one.table ?? defaultTable } : one;
}

/** The system that holds a level. */
function systemOf(type: Exclude<LevelSettings['type'], 'memory'>): SystemName {
  return type === 'database' ? 'postgres' : type;
}

/** One level a configured system, the fastest first; behind them the refused ones, which can be named. */
function defaultLevels(...rows: Partial<Record<SystemName, unknown>>[]): LevelSettings[] {
  const types = ['redis', 'memcached', 'hazelcast', 'database'] as const;
  return rows
    .flatMap((systems) => types.filter((type) => systems[systemOf(type)] !== undefined))
    .map((type) => withTable({ name: type, type }));
}

/** Levels whose system is not configured. */
function missingSystems(levels: readonly LevelSettings[], systems: Systems) {
  return levels.flatMap(({ name, type }, index) => {
    if (type === 'memory') return [];
    const system = systemOf(type);
    return systems[system] === undefined && systems.refused?.[system] === undefined
      ? [
          {
            path: ['levels', index],
            message: `level '${name}' is of type ${type}, but ${system} is not configured`,
          },
        ]
      : [];
  });
}

function origins({ levels, tiers, writeBehind }: CacheSettings, { data, at }: Written): Origin[] {
  const raw = (data as { levels?: { size?: unknown; ttl?: unknown }[] } | undefined)?.levels;
  return [
    ...levels.map(({ name, type, table }, index) => ({
      path: `cache.levels.${name}`,
      value: [
        type,
        raw?.[index]?.size === undefined ? '' : `size ${raw[index].size as string}`,
        raw?.[index]?.ttl === undefined ? '' : `ttl ${raw[index].ttl as string}`,
        table === undefined ? '' : `table ${table}`,
      ]
        .filter((part) => part !== '')
        .join(', '),
      from: raw ? at(['levels', index]) : 'default',
    })),
    ...tiers.map(({ pattern, levels: names }, index) => ({
      path: `cache.tiers.${pattern}`,
      value: names.join(', '),
      from: at(['tiers', index]),
    })),
    ...Object.entries(writeBehind?.tables ?? {}).map(([table, { key }]) => ({
      path: `cache.writeBehind.tables.${table}`,
      value: `key ${key.join(', ')}`,
      from: at(['writeBehind', 'tables', table]),
    })),
  ];
}
