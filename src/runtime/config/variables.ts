import { didYouMean } from '../../lib/core/nearest.js';
import { variableName } from '../../lib/core/schema/variable-name.js';
import type { Catalog } from './catalog.js';

/** Variables that are not settings: which file, which environment. */
const others = ['METRIFY_CONFIG', 'METRIFY_ENV'];

/** The settings that variables give, as text. An empty variable counts as none. */
export function readVariables(env: NodeJS.ProcessEnv, { settings }: Catalog): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of settings.keys()) {
    const text = env[variableName(path)];
    if (text !== undefined && text !== '') found.set(path, text);
  }
  return found;
}

/** A warning for each METRIFY_ variable that means nothing here. */
export function unknownVariables(env: NodeJS.ProcessEnv, { settings }: Catalog): string[] {
  const known = new Set([...others, ...[...settings.keys()].map(variableName)]);
  return Object.keys(env)
    .filter((name) => name.startsWith('METRIFY_') && !name.startsWith('METRIFY_TEST_') && !known.has(name))
    .map((name) => `unknown environment variable ${name}${didYouMean(name, known)}`);
}
