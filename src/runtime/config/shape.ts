import type * as Zod from 'zod/mini';
import type { Finding, Path } from './document.js';
import { didYouMean } from './nearest.js';

/** What a schema finds wrong with data, in words for people. */
export function misshapen(schema: Zod.ZodMiniType, data: unknown): Finding[] {
  const found: Finding[] = [];
  const missing = new Set<string>();
  for (const issue of schema.safeParse(data, { reportInput: false }).error?.issues ?? []) {
    const name = issue.path.join('.');
    if (issue.path.length > 0 && valueAt(data, issue.path) === undefined) {
      // The value's own check and zod both miss it.
      if (!missing.has(name))
        found.push({
          path: issue.path,
          message: `'${String(issue.path.at(-1))}' is missing here`,
          missing: true,
        });
      missing.add(name);
    } else found.push(...readIssue(issue, schema));
  }
  return found;
}

/** What zod found, in words, and where. Unknown keys are a problem each. */
function readIssue(issue: Zod.core.$ZodIssue, schema: Zod.core.$ZodType): Finding[] {
  const { path } = issue;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `unknown setting '${key}'${didYouMean(key, keysAt(schema, path))}`,
        ofKey: true,
      }));
    case 'invalid_type':
      return [{ path, message: `must be ${words[issue.expected] ?? issue.expected}` }];
    case 'invalid_value':
      return [{ path, message: `must be one of ${issue.values.join(', ')}` }];
    case 'too_small':
      return [{ path, message: 'must not be empty' }];
    default:
      return [{ path, message: issue.message }];
  }
}

const words: Record<string, string> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'text',
  boolean: 'true or false',
};

/** @returns undefined where there is nothing. */
export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce((value: unknown, key) => (value as Record<PropertyKey, unknown> | null)?.[key], data);
}

/** The keys that a schema allows at a path. */
function keysAt(schema: Zod.core.$ZodType, path: Path): string[] {
  let at: Zod.core.$ZodType | undefined = schema;
  for (const step of [...path, undefined]) {
    let def: Zod.core.$ZodTypes['_zod']['def'] | undefined = (at as Zod.core.$ZodTypes | undefined)?._zod.def;
    while (def?.type === 'optional') def = (def.innerType as Zod.core.$ZodTypes)._zod.def;
    if (step === undefined) return def?.type === 'object' ? Object.keys(def.shape) : [];
    if (def?.type === 'object') at = def.shape[String(step)];
    else if (def?.type === 'record') at = def.valueType;
    else if (def?.type === 'array') at = def.element;
    else return [];
  }
  return [];
}
