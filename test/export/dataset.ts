import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Manifest } from '../../src/lib/export/manifest.js';

export async function manifestOf(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, '_manifest.json'), 'utf8')) as Manifest;
}

/** The paths of all files below a folder. */
export async function fileNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** SHA-256 by path. @param part what counts of a file */
export async function fileHashes(
  folder: string,
  isMeant = (_name: string) => true,
  part = (bytes: Buffer) => bytes,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await fileNames(folder))
    if (isMeant(name))
      found[name] = createHash('sha256')
        .update(part(await readFile(join(folder, name))))
        .digest('hex');
  return found;
}

/** Files of data, whose names a reader's glob finds. */
export const isData = (name: string): boolean => /(?:^|\/)[^./][^/]*\.(?:parquet|orc)$/.test(name);

/** What the manifest says of its files, as `fileHashes` gives it. */
export async function listedHashes(folder: string): Promise<Record<string, string>> {
  const { files } = await manifestOf(folder);
  return Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]));
}

/** A Parquet file without its footer, which says when its snapshot was taken. */
export const pagesOf = (bytes: Buffer): Buffer =>
  bytes.subarray(0, bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8));
