import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';

/**
 * Writes a file that appears whole or not at all: temporary name, fsync, rename. On failure the old file stays
 * as it was and no temporary file is left.
 * @param mode given, it is the file's mode whatever the umask says; otherwise 0644 less the umask
 */
export async function writeFileAtomic(path: string, content: string, mode?: number): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', mode ?? 0o644);
  try {
    try {
      if (mode !== undefined) await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}
