import { basename, isAbsolute, relative } from 'node:path';

/** A file's name in messages: relative where it is below the working directory. */
export function label(path: string, cwd: string): string {
  const below = relative(cwd, path);
  return below.startsWith('..') || isAbsolute(below) ? path : below || basename(path);
}
