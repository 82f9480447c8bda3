import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { systemCode } from '../../core/errors.js';
import { unreadable } from '../../core/unreadable.js';
import type { Manifest } from '../manifest.js';
import { dataFiles } from '../read/find-dataset.js';

/** What is wrong with a file. */
export interface FileProblem {
  readonly path: string;
  /** Extra: the manifest does not name it, and readers that look at all files take it for data. */
  readonly problem: 'missing' | 'changed' | 'extra';
}

/** Compares the files of a dataset with its manifest, by their length and SHA-256. @throws UserError exit 2 */
export async function checkFiles(
  folder: string,
  { files }: Manifest,
  signal: AbortSignal,
): Promise<FileProblem[]> {
  const problems: FileProblem[] = [];
  for (const { path, bytes, sha256 } of files) {
    const absolute = join(folder, path);
    try {
      const isSame = (await stat(absolute)).size === bytes && (await digest(absolute, signal)) === sha256;
      if (!isSame) problems.push({ path, problem: 'changed' });
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw unreadable(absolute, error);
      problems.push({ path, problem: 'missing' });
    }
  }
  const named = new Set(files.map(({ path }) => path));
  const extra = (await dataFiles(folder)).filter((path) => !named.has(path));
  return [...problems, ...extra.map((path) => ({ path, problem: 'extra' as const }))];
}

async function digest(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash, { signal });
  return hash.digest('hex');
}
