import { Unresolved } from '../../core/schema/reference.js';
import type { Secret } from './source.js';

/**
 * A scenario's data in which each secret is a placeholder, for programs that take it from their environment.
 * @param data as it is written, with an `Unresolved` in the place of a reference
 * @returns the data, in which secrets are variables without a value, and the secrets
 */
export function nameSecrets(data: Record<string, unknown>): {
  readonly data: Record<string, unknown>;
  readonly secrets: readonly Secret[];
} {
  const variables: Record<string, unknown> = { ...(data['variables'] as object | undefined) };
  const secrets: Secret[] = [];
  const byVariable = new Map<string, string>();
  for (const [name, value] of Object.entries(variables))
    if (value instanceof Unresolved) {
      const variable = variableOf(value, secrets.length);
      secrets.push({ name, variable });
      byVariable.set(variable, name);
      variables[name] = '';
    }

  const named = (value: unknown): unknown => {
    if (value instanceof Unresolved) return `{${placeholderOf(value)}}`;
    if (Array.isArray(value)) return value.map(named);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, named(inner)]));
  };
  const placeholderOf = (value: Unresolved): string => {
    const variable = variableOf(value, secrets.length);
    const known = byVariable.get(variable);
    if (known !== undefined) return known;
    let name = `env_${variable.replace(/[^A-Za-z0-9_]/g, '_')}`;
    while (name in variables) name += '_';
    secrets.push({ name, variable });
    byVariable.set(variable, name);
    variables[name] = '';
    return name;
  };
  const { variables: _, ...rest } = data;
  const all = named(rest) as Record<string, unknown>;
  return { data: secrets.length > 0 || _ !== undefined ? { ...all, variables } : all, secrets };
}

/** A file's content has no name: it gets one. */
function variableOf({ reference }: Unresolved, i: number): string {
  return 'env' in reference ? reference.env : `SECRET_${i + 1}`;
}
