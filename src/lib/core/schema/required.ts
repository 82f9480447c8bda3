import { UserError } from '../errors.js';
import type { Section } from './section.js';
import { variableName } from './variable-name.js';
import { settingsIn } from './walk.js';

/**
 * What the settings say of a system, for whatever cannot do without it.
 * @param settings those of an environment, with the systems that are refused
 * @param user what needs the system, as the subject of a sentence: `--sql`, `level 'warm'`
 * @throws UserError exit 2 `NOT_CONFIGURED`, or why the system is refused
 */
export function required<K extends string, T>(
  { key, system, schema }: Section<K, unknown, unknown>,
  settings: { readonly [key in K]?: T } & { readonly refused?: Readonly<Record<string, UserError>> | undefined },
  user: string,
): NonNullable<T> {
  const value = settings[key];
  if (value !== undefined && value !== null) return value;
  const address = settingsIn(schema).find(([, setting]) => setting.address)?.[0];
  if (system === undefined || address === undefined) throw new Error(`the section ${key} has no address`);
  throw (
    settings.refused?.[key] ??
    new UserError(`${user} needs ${system}, and none is configured`, {
      code: 'NOT_CONFIGURED',
      hint: `Set ${variableName(`${key}.${address}`)}, or the section ${key} in metrify.config.yaml.`,
    })
  );
}
