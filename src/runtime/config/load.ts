import { type Finding, read } from '../../lib/core/schema/findings.js';
import type { Redactor } from '../../lib/core/secrets/redactor.js';
import type { Origin, Section, Written } from '../../lib/core/schema/section.js';
import type { Path } from '../../lib/core/schema/walk.js';
import type { Settings } from '../settings.js';
import { Catalog } from './catalog.js';
import { chooseEnvironment } from './environment.js';
import type { ConfigFile, EnvironmentInput } from './file.js';
import { type FindInput, findConfig } from './find.js';
import { label } from '../../lib/core/written/label.js';
import { InvalidConfiguration } from '../../lib/core/written/problems.js';
import { resolveEnvironment } from './resolve.js';
import { unknownVariables } from './variables.js';

export interface SettingsInput extends FindInput {
  /** From `--env`. */
  environment?: string | undefined;
  /** From flags: a setting's path and its text. */
  overrides: Record<string, string>;
  /** Learns every secret that is looked up. */
  redactor: Redactor;
}

export interface LoadedSettings {
  settings: Settings;
  origins: Origin[];
  warnings: string[];
  /** The configuration file in force. */
  file?: string;
  /** The environments that the file has. */
  environments: string[];
  /** Files that settings name, and their settings. */
  files: { setting: string; path: string }[];
}

/**
 * One environment's settings; see `precedence` for what wins.
 * Only references that are in force are looked up.
 * @param sections what an environment can say
 * @throws UserError exit 2; InvalidConfiguration with all problems at once
 */
export async function loadSettings(
  sections: readonly Section[],
  input: SettingsInput,
): Promise<LoadedSettings> {
  const catalog = new Catalog(sections);
  const found = await findConfig(input);
  const warnings = unknownVariables(input.env, catalog);
  const file = found && (await readConfig(found.text, label(found.path, input.cwd), catalog));
  if (file) warnings.push(...file.warnings);
  const environment = chooseEnvironment(input, found && label(found.path, input.cwd), file);
  const written: EnvironmentInput = file?.environments.get(environment) ?? {};
  const at = (path: Path) => file?.at(['environments', environment, ...path]) ?? '';
  const { merged, refused, origins, problems, files, placeOf } = await resolveEnvironment(
    written,
    {
      ...input,
      environment,
      chosen: input.environment !== undefined,
      configFile: found?.path,
      at,
      warn: (message) => warnings.push(message),
    },
    catalog,
  );

  const settings: Record<string, unknown> = { environment, refused };
  const report = (findings: readonly Finding[], key: string) => {
    for (const { path, message } of findings) {
      const whole = key === '' ? path : [key, ...path];
      const name = whole.map(String).join('.');
      // What a reference did not find has been told.
      const place = placeOf(whole);
      // A flag is named after its setting.
      const told = catalog.settings.has(name) && !place.startsWith('--') ? `${name}: ${message}` : message;
      if (!problems.some(({ at }) => at === place)) problems.push({ at: place, message: told });
    }
  };
  for (const { key, schema, described } of catalog.sections) {
    if (described || (key !== '' && merged[key] === undefined)) continue;
    const { value, findings } = read(schema, key === '' ? ownOf(catalog, merged) : merged[key]);
    report(findings, key);
    if (key === '') Object.assign(settings, value);
    else settings[key] = value;
  }
  if (problems.length === 0)
    for (const { key, finish } of catalog.sections) {
      if (finish === undefined) continue;
      const own: Written = {
        data: written[key],
        file: found?.path,
        at: (path = []) => at([key, ...path]),
      };
      const finished = finish(settings[key], own, settings as never);
      settings[key] = finished.value;
      report(finished.findings ?? [], key);
      for (const { path, message } of finished.warnings ?? []) warnings.push(`${own.at(path)}: ${message}`);
      origins.push(...(finished.origins ?? []));
    }
  if (problems.length > 0) throw new InvalidConfiguration(problems);
  return {
    settings: settings as unknown as Settings,
    origins,
    warnings,
    ...(found ? { file: found.path } : {}),
    environments: [...(file?.environments.keys() ?? [])],
    files,
  };
}

/** The settings at the environment's top level. */
function ownOf({ settings }: Catalog, merged: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(merged).filter(([key]) => settings.has(key)));
}

/** Many runs have no file, and then need no YAML. */
async function readConfig(text: string, name: string, catalog: Catalog): Promise<ConfigFile> {
  const { parseConfig } = await import('./file.js');
  return parseConfig(text, name, catalog);
}
