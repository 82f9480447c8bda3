import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UserError, errorMessage } from '../../lib/core/errors.js';

/** Where a secret is to be found: a variable, or a file relative to the configuration. */
export type Reference = { env: string } | { file: string };

export function isReference(value: unknown): value is Reference {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    ('env' in value || 'file' in value)
  );
}

/** `variable NAME` or `file PATH`. */
export function describeReference(reference: Reference): string {
  return 'env' in reference ? `variable ${reference.env}` : `file ${reference.file}`;
}

/**
 * @param configFile the configuration that the reference stands in
 * @throws UserError when there is no such variable or file, or nothing in it; it never repeats the secret.
 */
export async function resolveReference(
  reference: Reference,
  { configFile, env, warn }: { configFile: string; env: NodeJS.ProcessEnv; warn(message: string): void },
): Promise<string> {
  if ('env' in reference) {
    const text = env[reference.env];
    if (text === undefined || text === '')
      throw new UserError(`refers to the environment variable ${reference.env}, which is not set`);
    return text;
  }
  const path = resolve(dirname(configFile), reference.file);
  let text: string;
  try {
    if (((await stat(path)).mode & 0o004) !== 0)
      warn(`every user of this host can read the secret in ${path}`);
    text = (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new UserError(`refers to the file ${path}, which cannot be read: ${errorMessage(error)}`);
  }
  if (text === '') throw new UserError(`refers to the file ${path}, which is empty`);
  return text;
}
