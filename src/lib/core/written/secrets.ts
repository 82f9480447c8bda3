import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UserError, errorMessage } from '../errors.js';
import { readText } from '../input-file.js';
import { type Reference, Unresolved } from '../schema/reference.js';
import { explain } from '../schema/setting.js';
import { pathName } from '../schema/leaves.js';
import type { Path } from '../schema/walk.js';
import { isSecretName } from '../secrets/named-values.js';
import type { Redactor } from '../secrets/redactor.js';
import type { Problem } from './problems.js';

export interface Lookup {
  /** The file that the reference is in. */
  file: string;
  env: NodeJS.ProcessEnv;
  warn(message: string): void;
  /** Whether what a reference gives is secret as a whole; where nothing is said, its name decides. */
  isSecret?(path: Path): boolean;
}

/** @throws UserError when there is no such variable or file, or nothing in it; it never repeats the secret. */
export async function resolveReference(reference: Reference, { file, env, warn }: Lookup): Promise<string> {
  if ('env' in reference) {
    const text = env[reference.env];
    if (text === undefined || text === '')
      throw new UserError(`refers to the environment variable ${reference.env}, which is not set`);
    return text;
  }
  const path = resolve(dirname(file), reference.file);
  let text: string;
  try {
    if (((await stat(path)).mode & 0o004) !== 0)
      warn(`every user of this host can read the secret in ${path}`);
    text = (await readText(path)).replace(/\r?\n$/, '');
  } catch (error) {
    throw new UserError(`refers to the file ${path}, which cannot be read: ${errorMessage(error)}`);
  }
  if (text === '') throw new UserError(`refers to the file ${path}, which is empty`);
  return text;
}

/**
 * Data with what its references refer to, which the redactor learns.
 * @param at where a value is, for problems
 */
export async function resolveAll(
  data: unknown,
  lookup: Lookup & { redactor: Redactor },
  at: (path: Path) => string,
): Promise<{ data: unknown; problems: Problem[] }> {
  const problems: Problem[] = [];
  const { isSecret = (path: Path) => isSecretName(String(path.at(-1))) } = lookup;
  const visit = async (value: unknown, path: Path): Promise<unknown> => {
    if (value instanceof Unresolved)
      try {
        const text = await resolveReference(value.reference, lookup);
        if (isSecret(path)) lookup.redactor.learn(text);
        else lookup.redactor.learnUrl(text);
        return text;
      } catch (error) {
        problems.push({ at: at(path), message: `${pathName(path)}: ${explain(error)}` });
        return value;
      }
    if (Array.isArray(value)) return Promise.all(value.map((item, index) => visit(item, [...path, index])));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(async ([key, inner]) => [
      key,
      await visit(inner, [...path, key]),
    ]);
    return Object.fromEntries((await Promise.all(entries)) as [string, unknown][]) as unknown;
  };
  return { data: await visit(data, []), problems };
}
