import { errorMessage, systemCode, UserError } from './errors.js';

/** What failed to be read, as a UserError `INPUT_UNREADABLE` where it is one of the system's; anything else as it is. */
export function unreadable(path: string, error: unknown): unknown {
  const code = systemCode(error);
  if (error instanceof UserError || code === undefined || code.startsWith('ERR_')) return error;
  const reason =
    { ENOENT: 'it does not exist', EACCES: 'permission denied', EISDIR: 'it is a directory' }[code] ??
    errorMessage(error);
  return new UserError(`cannot read ${path}: ${reason}`, {
    code: 'INPUT_UNREADABLE',
    hint: 'Check the path and its permissions.',
    cause: error,
  });
}
