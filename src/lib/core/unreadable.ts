import { errorMessage, systemCode, UserError } from './errors.js';

/** What the system says of a path, for people. */
const pathProblems: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENXIO: 'nothing can be read from it',
  ENODEV: 'nothing can be read from it',
  EINVAL: 'nothing can be read from it',
};

/** Why a path cannot be used: in words where the system's code is a usual one. */
export function pathProblem(error: unknown): string {
  return pathProblems[systemCode(error) ?? ''] ?? errorMessage(error);
}

/** The problem of a file that nobody who knows more about it has reported; undefined when it is no file's. */
export function fileTrouble(error: unknown): UserError | undefined {
  const { path } = (error ?? {}) as { path?: unknown };
  const known = pathProblems[systemCode(error) ?? ''];
  if (typeof path !== 'string' || known === undefined) return undefined;
  return new UserError(`${path}: ${known}`, { code: 'FILE_UNUSABLE', hint: mend, cause: error });
}

const mend = 'Check the path and its permissions.';

/** What failed to be read, as a UserError `INPUT_UNREADABLE` where it is one of the system's; anything else as it is. */
export function unreadable(path: string, error: unknown): unknown {
  const code = systemCode(error);
  if (error instanceof UserError || code === undefined || code.startsWith('ERR_')) return error;
  return new UserError(`cannot read ${path}: ${pathProblem(error)}`, {
    code: 'INPUT_UNREADABLE',
    hint: mend,
    cause: error,
  });
}
