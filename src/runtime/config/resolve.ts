import { dirname, resolve } from 'node:path';
import { maskSecrets } from '../../lib/core/redact.js';
import type { EnvironmentInput } from './file.js';
import type { Origin } from './origins.js';
import { type Problem, explain } from './problems.js';
import { type ScalarPath, type ScalarValues, scalar, scalarPaths, variableName } from './scalars.js';
import { type Reference, describeReference, isReference, resolveReference } from './secrets.js';
import { type Place, precedence, rawValue } from './precedence.js';
import { readVariables } from './variables.js';

export interface Sources {
  /** From flags: a setting's path and its text. */
  overrides: Record<string, string>;
  env: NodeJS.ProcessEnv;
  cwd: string;
  environment: string;
  /** The environment was chosen with `-e`. */
  chosen: boolean;
  /** The file that the environment is in. */
  configFile?: string | undefined;
  /** `FILE:LINE:COL` of a setting in it. */
  at(...path: PropertyKey[]): string;
  warn(message: string): void;
}

/** A text that was found for a setting, before it is read. */
interface Found {
  place: string;
  from: string;
  text: string | Reference;
  /** What relative paths are relative to. */
  folder: string;
}

/** Every value in force, and where it came from. Problems are collected, so that all can be told at once. */
export async function resolveValues(written: EnvironmentInput, sources: Sources) {
  const values: ScalarValues = {};
  const origins: Origin[] = [];
  const problems: Problem[] = [];
  const variables = readVariables(sources.env);
  const { placesOf, refused, warnings } = precedence({ ...sources, written, variables });
  warnings.forEach((warning) => sources.warn(warning));
  const find = (path: ScalarPath) => findIn(placesOf(path), path, written, variables, sources);

  /** Reads one value. A problem names the setting: its place says little about a secret's file. */
  const read = async (path: ScalarPath, found: Found, name: string = path): Promise<unknown> => {
    const setting = scalar(path);
    const reference = isReference(found.text) ? found.text : undefined;
    try {
      const text = reference
        ? await resolveReference(reference, { ...sources, configFile: sources.configFile ?? '' })
        : String(found.text);
      const value = setting.parse(text);
      origins.push({
        path: name,
        value: setting.secret === 'text' ? '***' : maskSecrets(text),
        from: found.from,
        ...(reference ? { via: describeReference(reference) } : {}),
      });
      return setting.path ? resolve(found.folder, text) : value;
    } catch (error) {
      problems.push({ at: found.place, message: `${name}: ${explain(error)}` });
      return undefined;
    }
  };

  for (const path of scalarPaths) {
    const found = find(path);
    if (found) Object.assign(values, { [path]: await read(path, found) });
  }
  const nodes = written.redis?.nodes;
  if (nodes && find('redis.url') === undefined && placesOf('redis.url').includes('file')) {
    const urls: string[] = [];
    for (const [index, text] of nodes.entries()) {
      const place = sources.at('redis', 'nodes', index);
      const found = { place, from: place, text, folder: sources.cwd };
      urls.push(
        ...(((await read('redis.url', found, `redis.nodes[${index}]`)) as string[] | undefined) ?? []),
      );
    }
    values['redis.url'] = urls;
  }
  return { values, origins, problems, refused };
}

function findIn(
  places: readonly Place[],
  path: ScalarPath,
  written: EnvironmentInput,
  variables: ReadonlyMap<ScalarPath, string>,
  { overrides, cwd, configFile, at }: Sources,
): Found | undefined {
  const look: Record<Place, () => Found | undefined> = {
    flag() {
      const text = overrides[path];
      return text === undefined ? undefined : { place: 'flag', from: 'flag', text, folder: cwd };
    },
    variable() {
      const text = variables.get(path);
      const name = variableName(path);
      return text === undefined
        ? undefined
        : { place: name, from: `environment variable ${name}`, text, folder: cwd };
    },
    file() {
      const raw = rawValue(written, path);
      if (raw === undefined) return undefined;
      const text = isReference(raw) ? raw : String(raw as string | boolean | string[]);
      const place = at(...path.split('.'));
      return { place, from: place, text, folder: dirname(configFile ?? cwd) };
    },
  };
  for (const place of places) {
    const found = look[place]();
    if (found) return found;
  }
  const text = scalar(path).default;
  return text === undefined ? undefined : { place: 'default', from: 'default', text, folder: cwd };
}
