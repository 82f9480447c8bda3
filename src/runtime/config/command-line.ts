import { UserError } from '../../lib/core/errors.js';
import type { Setting } from '../../lib/core/schema/setting.js';
import type { Section } from '../../lib/core/schema/section.js';
import { variableName } from '../../lib/core/schema/variable-name.js';
import { hasPassword } from '../../lib/core/secrets/mask.js';

/**
 * The command line is seen by every user of the host and kept in shell histories: no URL on it may hold a password.
 * @throws UserError exit 2, naming where the password may stand instead.
 */
export async function refusePasswordsOnCommandLine(
  argv: readonly string[],
  sections: () => Promise<readonly Section[]>,
): Promise<void> {
  for (const [index, argument] of argv.entries()) {
    if (!hasPassword(argument.replace(/^--[\w-]+=/, ''))) continue;
    const flag = flagOf(argument) ?? flagOf(argv[index - 1]);
    const scheme = /(?<![a-z0-9+.-])[a-z0-9+.-]{1,32}(?=:\/\/)/i.exec(argument)?.[0].toLowerCase();
    // Elsewhere `user=ann password=…` is data.
    if (scheme === undefined && !/(?:url|database)$/.test(flag ?? '')) continue;
    const { Catalog } = await import('./catalog.js');
    const { settings } = new Catalog(await sections());
    const variable = variableFor(settings, scheme, flag);
    const what = scheme === undefined ? 'connection string' : `${scheme}:// URL`;
    throw new UserError(`a ${what} with a password stands on the command line, where others can read it`, {
      code: 'PASSWORD_ON_COMMAND_LINE',
      hint: `Put it into ${variable ?? 'a reference in the configuration, @FILE or standard input'} instead.`,
    });
  }
}

/** `redis-url` of `--redis-url` and of `--redis-url=…`. */
function flagOf(word = ''): string | undefined {
  return /^--([a-z-]+)/.exec(word)?.[1];
}

/** The variable of the one setting that takes such URLs; of several, the one that the flag is named after. */
function variableFor(
  settings: ReadonlyMap<string, Setting>,
  scheme: string | undefined,
  flag: string | undefined,
): string | undefined {
  const paths = [...settings].flatMap(([path, { schemes }]) =>
    schemes && (scheme === undefined || schemes.includes(scheme)) ? [path] : [],
  );
  const named = paths.filter((path) => flag?.split('-', 1)[0] === path.split('.', 1)[0]);
  const [path, ...others] = paths.length === 1 ? paths : named;
  return path !== undefined && others.length === 0 ? variableName(path) : undefined;
}
