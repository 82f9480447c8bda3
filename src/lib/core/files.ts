import { randomBytes } from 'node:crypto';
import { open, realpath, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { NotWritten, errorMessage } from './errors.js';

/**
 * Writes a file that appears whole or not at all: temporary name, fsync, rename. On failure the old file stays
 * as it was and no temporary file is left. A link is followed; a device or a FIFO is not replaced.
 * @param mode given, it is the file's mode whatever the umask says; otherwise 0644 less the umask
 */
export async function writeFileAtomic(path: string, content: string, mode?: number): Promise<void> {
  const { target, temporary } = await writeBeside(path, content, mode);
  try {
    await rename(temporary, target);
  } catch (error) {
    await discard(temporary);
    throw error;
  }
}

/** Does all that `writeFileAtomic` would, but for the last step, so that nothing has changed. @throws as it would */
export async function rehearseFileAtomic(path: string, content: string): Promise<void> {
  await discard((await writeBeside(path, content)).temporary);
}

/** Writes a file that nobody reads meanwhile. @throws NotWritten; what is there then is incomplete */
export async function writeFileInPlace(path: string, content: string, mode?: number): Promise<void> {
  try {
    await writeFile(path, content, { mode });
  } catch (error) {
    throw new NotWritten(`${path} is incomplete: ${errorMessage(error)}`, { cause: error });
  }
}

/** @returns what is to be replaced, and the temporary name, whose content is on the disk */
async function writeBeside(
  path: string,
  content: string,
  mode?: number,
): Promise<{ target: string; temporary: string }> {
  const there = await stat(path).catch(() => undefined);
  if (there && !there.isFile())
    throw new Error(there.isDirectory() ? 'it is a directory' : 'it is not a regular file');
  const target = there ? await realpath(path) : path;
  const temporary = `${target}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', mode ?? 0o644);
  try {
    try {
      if (mode !== undefined) await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await discard(temporary);
    throw error;
  }
  return { target, temporary };
}

/** What cannot be removed is only left over: what went wrong before says more. */
async function discard(temporary: string): Promise<void> {
  await unlink(temporary).catch(() => {});
}
