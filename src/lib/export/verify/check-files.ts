import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { systemCode } from '../../core/errors.js';
import { unreadable } from '../../core/unreadable.js';
import { type Manifest, ownPaths } from '../manifest.js';
import { dataFiles } from '../read/find-dataset.js';
import { sha256Of } from '../sha256.js';

/** What is wrong with a file. */
export interface FileProblem {
  readonly path: string;
  /** Extra: the manifest does not name it, not even as superseded, and readers that look at all files take it for data. */
  readonly problem: 'missing' | 'changed' | 'extra';
}

/** Compares the files of a dataset with its manifest, by their length and SHA-256. @throws UserError exit 2 */
export async function checkFiles(
  folder: string,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<FileProblem[]> {
  const problems: FileProblem[] = [];
  for (const { path, bytes, sha256 } of manifest.files) {
    const absolute = join(folder, path);
    try {
      const isSame = (await stat(absolute)).size === bytes && (await sha256Of(absolute, signal)) === sha256;
      if (!isSame) problems.push({ path, problem: 'changed' });
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw unreadable(absolute, error);
      problems.push({ path, problem: 'missing' });
    }
  }
  const own = ownPaths(manifest);
  const extra = (await dataFiles(folder)).filter((path) => !own.has(path));
  return [...problems, ...extra.map((path) => ({ path, problem: 'extra' as const }))];
}
