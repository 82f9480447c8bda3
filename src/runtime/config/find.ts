import { lstat } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { UserError, errorMessage, systemCode } from '../../lib/core/errors.js';
import { readText } from '../../lib/core/input-file.js';

export interface FindInput {
  /** From `--config`. */
  configFile?: string | undefined;
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** The user's number; undefined where the system has none. */
  uid?: number | undefined;
  home: string;
}

const fileName = 'metrify.config.yaml';

/** The configuration in force: the one named, else the nearest upward, else the user's own. */
export async function findConfig(input: FindInput): Promise<{ path: string; text: string } | undefined> {
  const named = input.configFile ?? (input.env.METRIFY_CONFIG || undefined);
  if (named !== undefined) return read(resolve(input.cwd, named));
  for (let folder = resolve(input.cwd); ; folder = dirname(folder)) {
    const path = join(folder, fileName);
    if (await exists(path)) return read(path, input.uid);
    if (folder === dirname(folder)) break;
  }
  const own = join(userFolder(input), 'metrify', 'config.yaml');
  return (await exists(own)) ? read(own) : undefined;
}

function userFolder({ env, home }: FindInput): string {
  const folder = env.XDG_CONFIG_HOME;
  return folder !== undefined && isAbsolute(folder) ? folder : join(home, '.config');
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** With an owner: refuses a file, or a link to it, that somebody else put there. */
async function read(path: string, owner?: number): Promise<{ path: string; text: string }> {
  const accept = ({ uid }: { uid: number }) => owner !== undefined && refuseForeign(path, uid, owner);
  try {
    accept(await lstat(path));
    // The file that was opened is asked, not its name: the name may point elsewhere by now.
    return { path, text: await readText(path, accept) };
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (systemCode(error) === 'ENOENT')
      throw new UserError(`there is no configuration file ${path}`, {
        code: 'CONFIG_NOT_FOUND',
        hint: 'Name one that exists with --config FILE or METRIFY_CONFIG.',
      });
    throw new UserError(`the configuration ${path} cannot be read: ${errorMessage(error)}`, {
      code: 'CONFIG_UNREADABLE',
      cause: error,
    });
  }
}

function refuseForeign(path: string, owner: number, uid: number): void {
  if (owner === uid) return;
  throw new UserError(`${path} belongs to another user (${owner}), so it is not used unasked`, {
    code: 'CONFIG_FOREIGN',
    hint: `If you trust it, name it: --config ${path}`,
  });
}
