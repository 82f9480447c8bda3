import { type Difference, differences } from './compare.js';
import type { HeldIndex } from './holdings.js';
import { isObject, normalMappings, normalSettings } from './normal.js';
import type { IndexBody, Json, JsonObject } from './resource.js';

/** What separates an index from what it should be. */
export interface IndexChanges {
  /** That the index can take as it is. */
  readonly settings: readonly Difference[];
  readonly mappings: readonly Difference[];
  /** That only a new index can have. */
  readonly fixed: readonly Difference[];
}

/** Settings that an index is created with, and keeps. */
const fixedSettings =
  /^index\.(number_of_shards|number_of_routing_shards|routing_partition_size|codec|mode|analysis\.|similarity\.|sort\.|store\.|soft_deletes\.|shard\.|knn$|mapping\.source)/;

/** Parameters of a field that can change while it has documents. */
const changeable = new Set([
  ...[
    'ignore_above',
    'ignore_malformed',
    'ignore_z_value',
    'coerce',
    'search_analyzer',
    'search_quote_analyzer',
    'dynamic',
  ],
  ...['eager_global_ordinals', 'fielddata', 'fielddata_frequency_filter', 'copy_to', 'meta'],
]);
/** Of the whole mapping. */
const fixedRoots = new Set(['_source', '_routing', '_size', '_field_names', 'subobjects']);

/** Parameters that a field may have without anybody having asked for them. */
const additions = new Set(['fields', 'properties', 'meta', 'copy_to', 'ignore_above', 'dynamic']);

/** Only what the body says counts: an index may have more. */
export function indexChanges(held: HeldIndex, { settings, mappings }: IndexBody): IndexChanges {
  const bySettings = differences(normalSettings(held.settings), normalSettings(settings), {
    part: true,
    path: 'settings',
  }).map((difference) => ({
    difference,
    isFixed: fixedSettings.test(difference.path.replace(/^settings\./, '')),
  }));
  const has = normalMappings(held.mappings);
  const { properties, ...wants } = normalMappings(mappings);
  const roots = Object.keys(wants).flatMap((name) =>
    differences(has[name], wants[name], { part: name === '_meta', path: `mappings.${name}` }).map(
      (difference) => ({ difference, isFixed: fixedRoots.has(name) }),
    ),
  );
  const fields = fieldChanges(has['properties'], properties, 'mappings.properties');
  const mapped = [...roots, ...fields];
  return {
    settings: bySettings.filter(({ isFixed }) => !isFixed).map(({ difference }) => difference),
    mappings: mapped.filter(({ isFixed }) => !isFixed).map(({ difference }) => difference),
    fixed: [...bySettings, ...mapped].filter(({ isFixed }) => isFixed).map(({ difference }) => difference),
  };
}

interface Judged {
  readonly difference: Difference;
  readonly isFixed: boolean;
}

function fieldChanges(has: Json | undefined, wants: Json | undefined, path: string): Judged[] {
  if (!isObject(wants)) return [];
  const held = isObject(has) ? has : {};
  return Object.entries(wants).flatMap(([name, field]) => {
    const at = `${path}.${name}`;
    const there = held[name];
    if (there === undefined)
      return [{ difference: { path: at, has: undefined, wants: field }, isFixed: false }];
    return parameterChanges(there as JsonObject, field as JsonObject, at);
  });
}

function parameterChanges(has: JsonObject, wants: JsonObject, path: string): Judged[] {
  if (typeOf(has) !== typeOf(wants))
    return [
      {
        difference: { path: `${path}.type`, has: typeOf(has), wants: typeOf(wants) },
        isFixed: true,
      },
    ];
  const names = new Set([...Object.keys(wants), ...Object.keys(has).filter((name) => !additions.has(name))]);
  return [...names].flatMap((name) => {
    const at = `${path}.${name}`;
    if (name === 'properties' || name === 'fields') return fieldChanges(has[name], wants[name], at);
    return differences(has[name], wants[name], { path: at }).map((difference) => ({
      difference,
      isFixed: !changeable.has(name) && !(name === 'norms' && wants[name] === 'false'),
    }));
  });
}

function typeOf({ type }: JsonObject): Json {
  return type ?? 'object';
}
