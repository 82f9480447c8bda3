import * as z from 'zod/mini';
import { cacheShape } from './cache-schema.js';
import { checked, checkScalar } from './check.js';
import { rolloutSchema } from './rollout-schema.js';
import { scalar, scalarPaths } from './scalars.js';
import { urlWith } from './values.js';

/** The file's shape. Loaded, with zod, only when there is a file. */
export function fileSchema() {
  const cache = cacheShape();
  const section = <S extends z.ZodMiniType>(name: string, more: Record<string, S> = {}) =>
    z.optional(z.strictObject({ ...scalarsIn(name), ...more }));
  const environment = z.strictObject({
    ...scalarsIn(''),
    postgres: section('postgres'),
    redis: section('redis', { nodes: z.optional(redisNodes()) }),
    memcached: section('memcached'),
    hazelcast: section('hazelcast'),
    elasticsearch: section('elasticsearch'),
    solr: section('solr'),
    prometheus: section('prometheus'),
    cache: z.optional(
      z.strictObject({
        levels: cache.levels,
        tiers: cache.tiers,
        writeBehind: section('cache.writeBehind', { tables: cache.tables }),
      }),
    ),
    rollouts: z.optional(z.array(rolloutSchema()).check(z.minLength(1))),
  });
  return z.strictObject({ environments: z.record(z.string(), environment) });
}

/** The scalar settings directly below a section. */
function scalarsIn(section: string): Record<string, z.ZodMiniType> {
  const shape: Record<string, z.ZodMiniType> = {};
  for (const path of scalarPaths) {
    const dot = path.lastIndexOf('.');
    if (path.slice(0, Math.max(dot, 0)) !== section) continue;
    const setting = scalar(path);
    shape[path.slice(dot + 1)] = z.optional(
      setting.inFile === 'list'
        ? z.array(checked((value) => checkScalar({ parse: setting.parse }, value))).check(z.minLength(1))
        : checked((value) => checkScalar(setting, value)),
    );
  }
  return shape;
}

function redisNodes() {
  const node = { parse: urlWith(['redis', 'rediss']), secret: 'url' } as const;
  return z.array(checked((value) => checkScalar(node, value))).check(z.minLength(1));
}
