import { UserError } from '../../lib/core/errors.js';
import type { ConfigFile } from './file.js';

/**
 * `--env`, else METRIFY_ENV, else `default`.
 * @param name the file's name as messages show it
 * @throws UserError exit 2, listing the environments that there are
 */
export function chooseEnvironment(
  input: { environment?: string | undefined; env: NodeJS.ProcessEnv },
  name: string | undefined,
  file: ConfigFile | undefined,
): string {
  const asked = input.environment ?? (input.env.METRIFY_ENV || undefined);
  const chosen = asked ?? 'default';
  if (file?.environments.has(chosen) || (file === undefined && chosen === 'default')) return chosen;
  if (file === undefined)
    throw new UserError(`there is no environment '${chosen}', because there is no configuration file`, {
      code: 'ENVIRONMENT_UNKNOWN',
      hint: 'Name the file with --config FILE or METRIFY_CONFIG.',
    });
  const there = [...file.environments.keys()];
  throw new UserError(`${name} has no environment '${chosen}'`, {
    code: 'ENVIRONMENT_UNKNOWN',
    hint:
      there.length === 0
        ? 'It has none at all: add one below environments:.'
        : `There ${there.length === 1 ? 'is' : 'are'} ${there.join(', ')}: choose with --env NAME or METRIFY_ENV.`,
  });
}
