import { Digits } from '../exact-json.js';
import { isObject } from './normal.js';
import type { Json, JsonObject } from './resource.js';

/** One value that is not as it should be. */
export interface Difference {
  /** `template.mappings.properties.value.type` */
  readonly path: string;
  /** Undefined: there is none. */
  readonly has: Json | undefined;
  /** Undefined: there should be none. */
  readonly wants: Json | undefined;
}

/** Of values in their normal forms. @param part what the server has beyond is nobody's business */
export function differences(
  has: Json | undefined,
  wants: Json | undefined,
  { part = false, path = '' } = {},
): readonly Difference[] {
  if (part && (wants === undefined || (isObject(wants) && Object.keys(wants).length === 0))) return [];
  const isWhole = has === undefined && isObject(wants) && Object.keys(wants).length > 0;
  if (isObject(wants) && (isObject(has) || isWhole)) {
    const there = isObject(has) ? has : {};
    const names = new Set([...Object.keys(wants), ...(part ? [] : Object.keys(there))]);
    return [...names].flatMap((name) =>
      differences(there[name], wants[name], { part, path: path === '' ? name : `${path}.${name}` }),
    );
  }
  return sameJson(has, wants) ? [] : [{ path, has, wants }];
}

function sameJson(one: Json | undefined, other: Json | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, i) => sameJson(value as Json, other[i] as Json));
  if (isObject(one) && isObject(other)) {
    const names = Object.keys(one);
    return (
      names.length === Object.keys(other).length && names.every((name) => sameJson(one[name], other[name]))
    );
  }
  if (one instanceof Digits && other instanceof Digits) return one.text === other.text;
  return one === other;
}

/** `replicas: 1 → 2` */
export function differenceText({ path, has, wants }: Difference): string {
  if (has === undefined) return `${path}: ${shown(wants)} is missing`;
  if (wants === undefined) return `${path}: ${shown(has)} is too much`;
  return `${path}: ${shown(has)} → ${shown(wants)}`;
}

function shown(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value as JsonObject);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
