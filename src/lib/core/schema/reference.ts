/** Where a secret is to be found: a variable, or a file relative to the configuration. */
export type Reference = { env: string } | { file: string };

/** A reference in the place of the value that it stands for. */
export class Unresolved {
  constructor(readonly reference: Reference) {}
}

export function isReference(value: unknown): value is Reference {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    ('env' in value || 'file' in value)
  );
}

/** @throws Error saying what a reference has to look like. */
export function checkReference(value: object): Reference {
  const [[kind, target] = [], ...others] = Object.entries(value);
  if (others.length > 0 || (kind !== 'env' && kind !== 'file'))
    throw new Error('must be text, { env: NAME } or { file: PATH }');
  if (typeof target !== 'string' || target === '')
    throw new Error(kind === 'env' ? 'env: needs the name of a variable' : 'file: needs the path of a file');
  return value as Reference;
}

/** `variable NAME` or `file PATH`. */
export function describeReference(reference: Reference): string {
  return 'env' in reference ? `variable ${reference.env}` : `file ${reference.file}`;
}

/** A copy of the mappings and lists in data; an `Unresolved` stays what it is. */
export function copyOf(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(copyOf);
  if (typeof data !== 'object' || data === null || data instanceof Unresolved) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, copyOf(value)]));
}
