import { dirname, resolve } from 'node:path';

import { pathName } from '../../lib/core/schema/leaves.js';
import { copyOf, describeReference, Unresolved } from '../../lib/core/schema/reference.js';
import type { Origin } from '../../lib/core/schema/section.js';
import { explain, secretKind, type Setting } from '../../lib/core/schema/setting.js';
import { variableName } from '../../lib/core/schema/variable-name.js';
import { mapSettings, type Path, valueAt } from '../../lib/core/schema/walk.js';
import { maskSecrets } from '../../lib/core/secrets/mask.js';
import type { Redactor } from '../../lib/core/secrets/redactor.js';
import { flagName } from '../flags.js';
import type { Catalog } from './catalog.js';
import type { EnvironmentInput } from './file.js';
import { type Place, precedence } from './precedence.js';
import type { Problem } from '../../lib/core/written/problems.js';
import { resolveReference } from '../../lib/core/written/secrets.js';
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
  at(path: Path): string;
  redactor: Redactor;
  warn(message: string): void;
}

/** What was found for a setting, before it is read. */
interface Found {
  /** For problems. */
  place: string;
  from: string;
  value: unknown;
  /** What relative paths are relative to. */
  folder: string;
}

/**
 * The environment with everything in it that counts, its references looked up, ready to be read by the sections'
 * schemas; and where each value came from. Problems are collected, so that all can be told at once.
 */
export async function resolveEnvironment(written: EnvironmentInput, sources: Sources, catalog: Catalog) {
  const { env, configFile = '', at, cwd, redactor } = sources;
  const variables = readVariables(env, catalog);
  const { placesOf, refused, warnings } = precedence({ ...sources, written, variables }, catalog.systems);
  warnings.forEach((warning) => sources.warn(warning));
  const origins: Origin[] = [];
  const problems: Problem[] = [];
  const places = new Map<string, string>();
  const files: { setting: string; path: string }[] = [];

  /** The value to read; undefined where what it refers to is not there. */
  const lookUp = async (
    path: Path,
    { place, from, value, folder }: Found,
    setting: Setting,
  ): Promise<unknown> => {
    const name = pathName(path);
    places.set(name, place);
    const reference = value instanceof Unresolved ? value.reference : undefined;
    try {
      const found = reference
        ? await resolveReference(reference, { file: configFile, env, warn: (text) => sources.warn(text) })
        : value;
      const kind = secretKind(setting, path.at(-1), found);
      if (kind === 'url') redactor.learnUrl(String(found), catalog.words);
      if (kind === 'text') redactor.learn(String(found), catalog.words);
      origins.push({
        path: name,
        value: kind === 'text' ? '***' : maskSecrets(String(found)),
        from,
        ...(reference ? { via: describeReference(reference) } : {}),
      });
      if (!setting.path) return found;
      const absolute = resolve(folder, String(found));
      files.push({ setting: name, path: absolute });
      return absolute;
    } catch (error) {
      problems.push({ at: place, message: `${name}: ${explain(error)}` });
      return undefined;
    }
  };

  /** A system that nothing gives an address of is not configured, whatever its defaults are. */
  const counts = (path: string): boolean => {
    const system = catalog.systems.find(({ others }) => others.includes(path));
    return !system || system.addresses.some((address) => given(address) !== undefined);
  };

  const given = (path: string): Found | undefined => {
    const look: Record<Place, () => Found | undefined> = {
      flag() {
        const value = sources.overrides[path];
        // Flags are named after their settings.
        const place = flagName(path.replaceAll('.', '-'));
        return value === undefined ? undefined : { place, from: 'flag', value, folder: cwd };
      },
      variable() {
        const value = variables.get(path);
        const name = variableName(path);
        return value === undefined
          ? undefined
          : { place: name, from: `environment variable ${name}`, value, folder: cwd };
      },
      file() {
        const value = valueAt(written, path.split('.'));
        const place = at(path.split('.'));
        return value === undefined ? undefined : { place, from: place, value, folder: dirname(configFile) };
      },
    };
    for (const place of placesOf(path)) {
      const value = look[place]();
      if (value) return value;
    }
    return undefined;
  };

  const found = (path: string): Found | undefined => {
    const value = given(path);
    if (value) return value;
    const preset = counts(path) ? catalog.setting(path).default : undefined;
    return preset === undefined
      ? undefined
      : { place: 'default', from: 'default', value: preset, folder: cwd };
  };

  const merged: Record<string, unknown> = {};
  for (const { key, described } of catalog.sections)
    if (!described && placesOf(key).includes('file')) merged[key] = copyOf(written[key]);
  for (const [path, setting] of catalog.settings) {
    const steps = path.split('.');
    const value = found(path);
    if (value) put(merged, steps, await lookUp(steps, value, setting));
  }
  // What is left are lists of settings, which only the file has.
  for (const { key, schema, described } of catalog.sections) {
    if (key === '' || described || merged[key] === undefined) continue;
    const waiting: Promise<void>[] = [];
    mapSettings(schema, merged[key], (value, setting, below) => {
      const path = [key, ...below];
      if (!(value instanceof Unresolved) && !(setting.address && typeof path.at(-1) === 'number'))
        return value;
      const place = at(path);
      const one = { place, from: place, value, folder: dirname(configFile) };
      waiting.push(lookUp(path, one, setting).then((text) => put(merged, path, text)));
      return value;
    });
    await Promise.all(waiting);
  }
  return {
    merged,
    refused,
    origins,
    problems,
    files,
    /** Where a value is, for problems. */
    placeOf: (path: Path) => places.get(pathName(path)) ?? at(path),
  };
}

function put(holder: Record<PropertyKey, unknown>, [key, ...below]: Path, value: unknown): void {
  if (below.length === 0) holder[key!] = value;
  else put((holder[key!] ??= {}) as Record<PropertyKey, unknown>, below, value);
}
