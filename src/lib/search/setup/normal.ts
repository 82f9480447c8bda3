import { Digits } from '../exact-json.js';
import type { Json, JsonObject } from './resource.js';

/*
 * Servers do not give back what they were given: numbers become texts, defaults vanish, names are nested. These functions
 * give both forms the same shape. A default that is written out is as one that is not.
 */

/** Settings of an index by their full names: `index.number_of_shards`; values as text. */
export function normalSettings(settings: JsonObject = {}): JsonObject {
  const flat: Record<string, Json> = {};
  const walk = (value: Json, path: string): void => {
    if (value === null) return;
    if (Array.isArray(value)) flat[path] = value.map(scalarText);
    else if (isObject(value))
      for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`);
    else flat[path] = scalarText(value);
  };
  walk(settings, '');
  return Object.fromEntries(
    Object.entries(flat).map(([key, value]) => [key.startsWith('index.') ? key : `index.${key}`, value]),
  );
}

/** Aliases: `routing` is short for both of its kinds. */
export function normalAliases(aliases: JsonObject = {}): JsonObject {
  return mapValues(aliases, (alias) => {
    const { routing, ...more } = alias as JsonObject;
    const both = routing === undefined ? {} : { index_routing: routing, search_routing: routing };
    return texts({ ...both, ...more });
  });
}

/** Values that mean the same as none, by the parameter. */
const fieldDefaults: Readonly<Record<string, readonly string[]>> = {
  index: ['true'],
  doc_values: ['true'],
  store: ['false'],
  coerce: ['true'],
  ignore_malformed: ['false'],
  enabled: ['true'],
  eager_global_ordinals: ['false'],
  fielddata: ['false'],
  index_phrases: ['false'],
  split_queries_on_whitespace: ['false'],
  ignore_z_value: ['true'],
  include_in_parent: ['false'],
  include_in_root: ['false'],
  similarity: ['BM25'],
  term_vector: ['no'],
  analyzer: ['default'],
  boost: ['1'],
  format: ['strict_date_optional_time||epoch_millis'],
};

/** Where the default depends on the field's type. */
const typeDefaults: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  text: { norms: 'true', index_options: 'positions' },
  keyword: { norms: 'false', index_options: 'docs' },
};

const rootDefaults: Readonly<Record<string, string>> = {
  dynamic: 'true',
  date_detection: 'true',
  numeric_detection: 'false',
};

export function normalMappings(mappings: JsonObject = {}): JsonObject {
  const { properties, ...root } = mappings;
  const kept = Object.entries(texts(root)).filter(([key, value]) => rootDefaults[key] !== value);
  return withoutEmpty({
    ...Object.fromEntries(kept),
    properties: normalProperties(properties as JsonObject | undefined),
  });
}

function normalProperties(properties: JsonObject = {}): JsonObject {
  return mapValues(expandDots(properties), (field) => normalField(field as JsonObject));
}

function normalField({ properties, fields, meta, copy_to, type, ...parameters }: JsonObject): JsonObject {
  const kept = Object.entries(texts(parameters)).filter(([key, value]) => {
    if (value === null) return false;
    if (fieldDefaults[key]?.includes(value as string)) return false;
    return typeDefaults[type as string]?.[key] !== value;
  });
  const normal: Record<string, Json> = Object.fromEntries(kept);
  // The analyzer of the documents is that of the queries, and that of phrases in turn.
  const analyzer = normal['analyzer'] ?? 'default';
  if (normal['search_quote_analyzer'] === (normal['search_analyzer'] ?? analyzer))
    delete normal['search_quote_analyzer'];
  if (normal['search_analyzer'] === analyzer) delete normal['search_analyzer'];
  return withoutEmpty({
    ...(type === undefined || type === 'object' ? {} : { type }),
    ...normal,
    ...(copy_to === undefined ? {} : { copy_to: Array.isArray(copy_to) ? copy_to : [copy_to] }),
    meta: meta ?? {},
    fields: normalProperties(fields as JsonObject | undefined),
    properties: normalProperties(properties as JsonObject | undefined),
  });
}

/** `a.b` is a field of the object `a`. */
function expandDots(properties: JsonObject): JsonObject {
  const expanded: Record<string, Json> = {};
  for (const [name, field] of Object.entries(properties)) {
    const dot = name.indexOf('.');
    if (dot <= 0) {
      expanded[name] = mergeFields(expanded[name], field as JsonObject);
      continue;
    }
    const inner = { properties: expandDots({ [name.slice(dot + 1)]: field }) };
    expanded[name.slice(0, dot)] = mergeFields(expanded[name.slice(0, dot)], inner);
  }
  return expanded;
}

function mergeFields(one: Json | undefined, other: JsonObject): JsonObject {
  if (!isObject(one)) return other;
  const properties = { ...(one['properties'] as JsonObject), ...(other['properties'] as JsonObject) };
  return { ...one, ...other, ...(Object.keys(properties).length === 0 ? {} : { properties }) };
}

/** A template of indices, or of components. */
export function normalTemplate(body: JsonObject): JsonObject {
  const { template, data_stream, composed_of, ...more } = body;
  const { settings, mappings, aliases, lifecycle, ...inner } = (template ?? {}) as JsonObject;
  const kept = Object.entries(more).filter(([key]) => !/^(created|modified)_date/.test(key));
  return {
    ...texts(Object.fromEntries(kept)),
    ...(Array.isArray(composed_of) && composed_of.length > 0 ? { composed_of } : {}),
    ...(data_stream === undefined ? {} : { data_stream: normalDataStream(data_stream as JsonObject) }),
    template: withoutEmpty({
      ...texts(inner),
      lifecycle: mapValues((lifecycle ?? {}) as JsonObject, scalarOrTexts, { enabled: 'true' }),
      settings: normalSettings(settings as JsonObject | undefined),
      mappings: normalMappings(mappings as JsonObject | undefined),
      aliases: normalAliases(aliases as JsonObject | undefined),
    }),
  };
}

function normalDataStream(stream: JsonObject): JsonObject {
  const { timestamp_field, ...more } = stream;
  const isUsual = (timestamp_field as JsonObject | undefined)?.['name'] === '@timestamp';
  return {
    ...mapValues(more, scalarOrTexts, { hidden: 'false', allow_custom_routing: 'false' }),
    ...(timestamp_field === undefined || isUsual ? {} : { timestamp_field }),
  };
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Digits);
}

function mapValues(
  object: JsonObject,
  map: (value: Json) => Json,
  defaults: Readonly<Record<string, string>> = {},
): JsonObject {
  return Object.fromEntries(
    Object.entries(object)
      .map(([key, value]) => [key, map(value)] as const)
      .filter(([key, value]) => defaults[key] === undefined || defaults[key] !== value),
  );
}

/** With every scalar as text: servers give back `"true"` for true, and `100.0` for 100. */
function texts(object: JsonObject): JsonObject {
  return mapValues(object, scalarOrTexts);
}

function scalarOrTexts(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(scalarOrTexts);
  if (isObject(value)) return texts(value);
  return value === null ? null : scalarText(value);
}

function scalarText(value: Json): string {
  const text =
    typeof value === 'object' && !(value instanceof Digits) ? JSON.stringify(value) : String(value);
  return /^-?\d+\.0+$/.test(text) ? String(Number(text)) : text;
}

function withoutEmpty(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => !isObject(value) || Object.keys(value).length > 0),
  );
}
