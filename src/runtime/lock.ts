import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../lib/core/errors.js';
import { type FileLock, acquireFileLock } from '../lib/core/file-lock.js';

/**
 * Takes the single-instance lock of this host. It is held until it is released or its process is gone, however long
 * that takes.
 *
 * @throws ServiceConflict exit 4 `LOCK_HELD`, naming the holder; UserError exit 4 when the file is no lock of ours
 */
export async function acquireLock(
  name: string,
  { directory, command = '' }: { directory?: string; command?: string } = {},
): Promise<FileLock> {
  return acquireFileLock(await lockPath(name, directory), { title: `lock '${name}'`, command });
}

/** @throws UserError exit 2 when it is not a name for a lock */
export async function lockPath(name: string, directory?: string): Promise<string> {
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(name))
    throw new UserError(`'${name}' is not a name for a lock`, {
      code: 'LOCK_NAME',
      hint: 'Use up to 100 letters, digits, dots, dashes and underscores.',
    });
  return join(directory ?? (await sharedDirectory()), `metrify-${name}.lock`);
}

/** The same for cron and for terminals, so it does not ask TMPDIR. */
async function sharedDirectory(): Promise<string> {
  if (process.platform === 'win32') return tmpdir();
  return access('/run/lock', constants.W_OK).then(
    () => '/run/lock',
    () => '/tmp',
  );
}
