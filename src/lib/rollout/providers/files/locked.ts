import { UserError } from '../../../core/errors.js';
import { type FileLock, acquireFileLock } from '../../../core/file-lock.js';
import { fileProblem } from './files.js';

/** The longest that a commit takes: its server is asked a few times, each with an end. */
const patienceMs = 30_000;

/**
 * Runs `work` while no other process of this host does, waiting for one that does.
 * @throws ServiceConflict when it does not end; ServiceRefused, ServiceUnavailable when there can be no lock there
 */
export async function withLock<T>(
  path: string,
  title: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  let lock: FileLock;
  try {
    lock = await acquireFileLock(path, { title, patienceMs, signal });
  } catch (error) {
    if (error instanceof UserError && error.code === 'LOCK_UNUSABLE')
      throw fileProblem(`${path} cannot be written`, error.cause);
    throw error;
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}
