import { errorMessage, systemCode } from './errors.js';

const reasons: Record<string, string> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder is not a directory',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  EROFS: 'the file system is read-only',
  // A FIFO that nobody reads.
  ENXIO: 'it is not a regular file',
};

/** Why a file that a person named cannot be written. */
export function whyUnwritable(error: unknown): string {
  return reasons[systemCode(error) ?? ''] ?? errorMessage(error);
}
