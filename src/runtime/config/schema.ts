import * as z from 'zod/mini';
import { hasPassword } from '../../lib/core/redact.js';
import { cacheShape } from './cache-schema.js';
import { checked } from './check.js';
import { type Scalar, scalar, scalarPaths } from './scalars.js';
import { isReference } from './secrets.js';
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

const writeReference = 'write { env: NAME } or { file: PATH } instead';

/** @throws Error saying what is wrong with a value as the file has it. */
function checkScalar(setting: Scalar, value: unknown): void {
  if (value === undefined) return;
  if (setting.secret !== undefined && typeof value === 'object' && value !== null)
    return checkReference(value);
  if (setting.secret === 'text') throw new Error(`a secret does not stand in this file: ${writeReference}`);
  if (setting.inFile === 'boolean') {
    if (typeof value !== 'boolean') throw new Error('must be true or false');
    return;
  }
  if (setting.secret === 'url' && typeof value === 'string' && hasPassword(value))
    throw new Error(`a URL with a password does not stand in this file: ${writeReference}`);
  if (typeof value !== 'string' && typeof value !== 'number') throw new Error('must be text');
  setting.parse(String(value));
}

function checkReference(value: object): void {
  const [[kind, target] = [], ...others] = Object.entries(value);
  if (!isReference(value) || others.length > 0 || (kind !== 'env' && kind !== 'file'))
    throw new Error('must be text, { env: NAME } or { file: PATH }');
  if (typeof target !== 'string' || target === '')
    throw new Error(kind === 'env' ? 'env: wants the name of a variable' : 'file: wants the path of a file');
}
