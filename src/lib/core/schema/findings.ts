import type * as z from 'zod/mini';

import { didYouMean } from '../nearest.js';
import { keysAt, type Path, valueAt } from './walk.js';

/** Something wrong with a value, or with its key. */
export interface Finding {
  path: Path;
  message: string;
  ofKey?: boolean;
  /** It is not there at all. */
  missing?: boolean;
}

/** Data as a schema reads it, or what is wrong with it, in words for people. */
export function read<T>(
  schema: z.ZodMiniType<T>,
  data: unknown,
): { value: T; findings: [] } | { value?: undefined; findings: Finding[] } {
  const result = schema.safeParse(data, { reportInput: false });
  if (result.success) return { value: result.data, findings: [] };
  const found: Finding[] = [];
  const missing = new Set<string>();
  for (const issue of result.error.issues) {
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
    } else found.push(...explainIssue(issue, schema));
  }
  return { findings: found };
}

/** What zod found, in words, and where. Unknown keys are a problem each. */
function explainIssue(issue: z.core.$ZodIssue, schema: z.core.$ZodType): Finding[] {
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
