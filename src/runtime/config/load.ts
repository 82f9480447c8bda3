import type { Settings } from '../settings.js';
import { assemble, missingSystems } from './assemble.js';
import type { Path } from './document.js';
import { chooseEnvironment } from './environment.js';
import type { ConfigFile, EnvironmentInput } from './file.js';
import { type FindInput, findConfig } from './find.js';
import { label } from './label.js';
import { type Origin, cacheOrigins, rolloutOrigins } from './origins.js';
import { InvalidConfiguration } from './problems.js';
import { resolveValues } from './resolve.js';
import { unknownLevels } from './semantics.js';
import { unknownVariables } from './variables.js';

export interface SettingsInput extends FindInput {
  /** From `--env`. */
  environment?: string | undefined;
  /** From flags: a setting's path and its text. */
  overrides: Record<string, string>;
}

export interface LoadedSettings {
  settings: Settings;
  origins: Origin[];
  warnings: string[];
  /** The configuration file in force. */
  file?: string;
  /** The environments that the file has. */
  environments: string[];
}

/**
 * One environment's settings; see `precedence` for what wins.
 * Only references that are in force are looked up.
 * @throws UserError exit 2; InvalidConfiguration with all problems at once
 */
export async function loadSettings(input: SettingsInput): Promise<LoadedSettings> {
  const found = await findConfig(input);
  const warnings = unknownVariables(input.env);
  const file = found && (await readFile(found, input));
  if (file) warnings.push(...file.warnings);
  const environment = chooseEnvironment(input, found && label(found.path, input.cwd), file);
  const written: EnvironmentInput = file?.environments.get(environment) ?? {};
  const at = (...path: PropertyKey[]) => file?.at(['environments', environment, ...path]) ?? '';
  const { values, origins, problems, refused } = await resolveValues(written, {
    ...input,
    environment,
    chosen: input.environment !== undefined,
    ...(found ? { configFile: found.path } : {}),
    at,
    warn: (message) => warnings.push(message),
  });

  const rollouts = (written.rollouts ?? []).map((rollout, index) => ({
    written: rollout,
    file: found?.path ?? '',
    at: (path: Path) => at('rollouts', index, ...path),
  }));
  const settings = { ...assemble(environment, values, written, refused), rollouts };
  if (!written.cache?.levels && problems.length === 0)
    for (const { path, message } of unknownLevels(
      written,
      settings.cache.levels.map((level) => level.name),
    ))
      problems.push({ at: at(...path), message });
  if (problems.length > 0) throw new InvalidConfiguration(problems);
  warnings.push(
    ...missingSystems(settings).map(({ index, message }) => {
      return `${at('cache', 'levels', index)}: ${message}`;
    }),
  );
  origins.push(...cacheOrigins(settings, written, at), ...rollouts.flatMap(rolloutOrigins));
  return {
    settings,
    origins,
    warnings,
    ...(found ? { file: found.path } : {}),
    environments: [...(file?.environments.keys() ?? [])],
  };
}

async function readFile(found: { path: string; text: string }, input: SettingsInput): Promise<ConfigFile> {
  // Brings yaml and zod along, which runs without a file do without.
  const { parseConfig } = await import('./file.js');
  return parseConfig(found.text, label(found.path, input.cwd));
}
