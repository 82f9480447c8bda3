import type * as z from 'zod/mini';

import { type Setting, settingOf } from './setting.js';

export type Path = readonly PropertyKey[];

type Type = z.core.$ZodTypes;
type Definition = Type['_zod']['def'];

/** Past what says nothing of the value's shape: optional, a default, a transformation of the whole. */
function shapeOf(schema: z.core.$ZodType): { setting: Setting | undefined; definition: Definition } {
  let at = schema as Type;
  for (;;) {
    const setting = settingOf(at);
    const definition = at._zod.def;
    if (setting !== undefined) return { setting, definition };
    if (definition.type === 'optional' || definition.type === 'prefault' || definition.type === 'default')
      at = definition.innerType as Type;
    else if (definition.type === 'pipe') at = definition.in as Type;
    else return { setting: undefined, definition };
  }
}

/** The settings that have one path each: those below objects, and not in lists or under names of the person's own. */
export function settingsIn(schema: z.core.$ZodType, path: readonly string[] = []): [path: string, Setting][] {
  const { setting, definition } = shapeOf(schema);
  if (setting) return [[path.join('.'), setting]];
  if (definition.type !== 'object') return [];
  return Object.entries(definition.shape).flatMap(([key, inner]) => settingsIn(inner, [...path, key]));
}

/** The same for lists of settings. */
export function listsIn(schema: z.core.$ZodType, path: readonly string[] = []): [path: string, Setting][] {
  const { setting, definition } = shapeOf(schema);
  if (setting) return [];
  if (definition.type === 'array') {
    const item = shapeOf(definition.element).setting;
    return item ? [[path.join('.'), item]] : [];
  }
  if (definition.type !== 'object') return [];
  return Object.entries(definition.shape).flatMap(([key, inner]) => listsIn(inner, [...path, key]));
}

/**
 * A copy of data in which each setting's value that is there is replaced by what `each` returns for it. What has not
 * the schema's shape stays as it is.
 */
export function mapSettings(
  schema: z.core.$ZodType,
  data: unknown,
  each: (value: unknown, setting: Setting, path: Path) => unknown,
  path: Path = [],
): unknown {
  if (data === undefined) return undefined;
  const { setting, definition } = shapeOf(schema);
  if (setting)
    // Of a list, each item is a value.
    return Array.isArray(data)
      ? data.map((item, index) => each(item, setting, [...path, index]))
      : each(data, setting, path);
  if (definition.type === 'array' && Array.isArray(data))
    return data.map((item, index) => mapSettings(definition.element, item, each, [...path, index]));
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return data;
  const innerOf = (key: string): z.core.$ZodType | undefined =>
    definition.type === 'object'
      ? Object.hasOwn(definition.shape, key)
        ? definition.shape[key]
        : undefined
      : definition.type === 'record'
        ? definition.valueType
        : undefined;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => {
      const inner = innerOf(key);
      return [key, inner ? mapSettings(inner, value, each, [...path, key]) : (value as unknown)];
    }),
  );
}

/** The keys that a schema allows at a path. */
export function keysAt(schema: z.core.$ZodType, path: Path): string[] {
  const { definition } = shapeOf(schema);
  const [step, ...below] = path;
  if (step === undefined) return definition.type === 'object' ? Object.keys(definition.shape) : [];
  const inner =
    definition.type === 'object'
      ? definition.shape[String(step)]
      : definition.type === 'record'
        ? definition.valueType
        : definition.type === 'array'
          ? definition.element
          : undefined;
  return inner ? keysAt(inner, below) : [];
}

/** @returns undefined where there is nothing. */
export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce(
    (value: unknown, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    data,
  );
}

/** The members of an object's schema, past what is done to the whole. */
export function shapeIn(schema: z.core.$ZodType): z.core.$ZodShape {
  const { definition } = shapeOf(schema);
  return definition.type === 'object' ? definition.shape : {};
}

/** Every setting of a schema, also those in lists (`smoke[].url`) and under names of the person's own (`headers.NAME`). */
export function everySetting(schema: z.core.$ZodType, path = ''): [path: string, Setting][] {
  const { setting, definition } = shapeOf(schema);
  if (setting) return [[path, setting]];
  if (definition.type === 'array') {
    const item = shapeOf(definition.element).setting;
    return item ? [[path, item]] : everySetting(definition.element, `${path}[]`);
  }
  if (definition.type === 'record') return everySetting(definition.valueType, `${path}.NAME`);
  if (definition.type !== 'object') return [];
  return Object.entries(definition.shape).flatMap(([key, inner]) =>
    everySetting(inner, path === '' ? key : `${path}.${key}`),
  );
}
