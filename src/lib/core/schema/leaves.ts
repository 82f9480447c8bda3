import { maskSecrets } from '../secrets/mask.js';
import { describeReference, Unresolved } from './reference.js';
import type { Path } from './walk.js';

/** A value that is written somewhere, for people: what is secret is masked. */
export interface Leaf {
  path: Path;
  /** `smoke[0].headers.Authorization` */
  name: string;
  value: string;
  /** What it refers to instead. */
  via?: string;
}

/** Every single value of data; a list of single values is one of them. */
export function leavesOf(data: unknown, path: Path = []): Leaf[] {
  if (data instanceof Unresolved)
    return [{ path, name: pathName(path), value: '***', via: describeReference(data.reference) }];
  const isPlain = (value: unknown) => typeof value !== 'object' || value === null;
  if (isPlain(data) || (Array.isArray(data) && data.every(isPlain)))
    return [
      {
        path,
        name: pathName(path),
        value: maskSecrets(Array.isArray(data) ? data.join(', ') : String(data)),
      },
    ];
  return Object.entries(data as object).flatMap(([key, value]) =>
    leavesOf(value, [...path, Array.isArray(data) ? Number(key) : key]),
  );
}

export function pathName(path: Path): string {
  return path.reduce<string>(
    (name, key) =>
      typeof key === 'number' ? `${name}[${key}]` : name === '' ? String(key) : `${name}.${String(key)}`,
    '',
  );
}
