import type * as z from 'zod/mini';

import { type Finding, read } from '../schema/findings.js';
import { checkReference, isReference, Unresolved } from '../schema/reference.js';
import { explain, secretKind, type Setting } from '../schema/setting.js';
import { mapSettings, type Path } from '../schema/walk.js';
import { hasPassword } from '../secrets/mask.js';

const instead = 'write { env: NAME } or { file: PATH } instead';

/**
 * Checks data as a person wrote it into a file against a schema: in a file a secret is a reference, and what has a unit
 * is text.
 * @param isFile false where a program wrote it: there a secret may be text, and a number has the schema's own unit
 * @returns the data with each reference as an `Unresolved`; what the schema reads is of use only where there is none.
 */
export function checkWritten<T>(
  schema: z.ZodMiniType<T>,
  data: unknown,
  { isFile = true }: { readonly isFile?: boolean } = {},
): { data: unknown; findings: Finding[]; value?: T | undefined } {
  const secrets: Finding[] = [];
  const plain = mapSettings(schema, data, (value, setting, path) => {
    try {
      return asWritten(value, setting, path, isFile);
    } catch (error) {
      secrets.push({ path, message: explain(error) });
      // Of one value there is one problem.
      return new Unresolved({ env: '' });
    }
  });
  const { value, findings } = read(schema, plain);
  return { data: plain, findings: [...secrets, ...findings], value };
}

/** @throws Error when the value must not be in a file like this */
function asWritten(value: unknown, setting: Setting, path: Path, isFile: boolean): unknown {
  const kind = secretKind(setting, path.at(-1), value);
  if (value instanceof Unresolved) return value;
  if (kind !== undefined && typeof value === 'object' && value !== null)
    return new Unresolved(checkReference(value));
  if (isReference(value)) throw new Error('must be text: only what may be secret is a reference');
  if (!isFile) return value;
  if (kind === 'text') throw new Error(`a secret must not be in this file: ${instead}`);
  if (kind === 'url' && typeof value === 'string' && hasPassword(value))
    throw new Error(`a URL with a password must not be in this file: ${instead}`);
  // A number without its unit is refused by the words in which its text would be.
  return setting.unit && typeof value === 'number' ? String(value) : value;
}
