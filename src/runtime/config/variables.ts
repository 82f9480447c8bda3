import { didYouMean } from './nearest.js';
import { type ScalarPath, scalarPaths, variableName } from './scalars.js';

/** Variables that are not settings: which file, which environment. */
const others = ['METRIFY_CONFIG', 'METRIFY_ENV'];

/** The settings that variables give, as text. An empty variable counts as none. */
export function readVariables(env: NodeJS.ProcessEnv): Map<ScalarPath, string> {
  const found = new Map<ScalarPath, string>();
  for (const path of scalarPaths) {
    const text = env[variableName(path)];
    if (text !== undefined && text !== '') found.set(path, text);
  }
  return found;
}

/** A warning for each METRIFY_ variable that means nothing here. */
export function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = new Set([...others, ...scalarPaths.map(variableName)]);
  return Object.keys(env)
    .filter((name) => name.startsWith('METRIFY_') && !name.startsWith('METRIFY_TEST_') && !known.has(name))
    .map((name) => `unknown environment variable ${name}${didYouMean(name, known)}`);
}
