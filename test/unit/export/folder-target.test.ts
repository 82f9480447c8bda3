import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { expect, it } from 'vitest';

import { FolderTarget } from '../../../src/lib/export/folder-target.js';

const files = ['a=1/part-00000.parquet', 'a=1/part-00001.parquet', 'a=2/part-00000.parquet'];
const removed = ['a=1/old.parquet', 'a=3/part-00000.parquet'];

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== '.metrify.lock')
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

it.each([0, 1, 2, 3])('a change of which %i files were made when its run died is completed', async (done) => {
  const folder = await mkdtemp(join(tmpdir(), 'target-'));
  const staging = join(folder, '.metrify-0123456789ab');
  const stale = join(folder, '.metrify-ba9876543210');
  for (const path of removed) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await writeFile(join(folder, path), 'old');
  }
  await mkdir(staging);
  // Of a run that died before.
  await mkdir(stale);
  await writeFile(join(stale, '0.tmp'), 'half');
  for (const [i, path] of files.entries()) await writeFile(join(staging, `${i}.tmp`), path);
  const commit = {
    files: files.map((path, i) => ({ path, staged: `${i}.tmp` })),
    removed,
    manifest: '{"new": true}',
  };
  await writeFile(join(staging, 'commit.json'), JSON.stringify(commit));
  for (const [i, path] of files.slice(0, done).entries()) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await rename(join(staging, `${i}.tmp`), join(folder, path));
  }

  const opened = await new FolderTarget(folder).open();
  expect(opened.manifest).toBe('{"new": true}');
  expect([...(await opened.list())].sort()).toEqual(files);
  await opened.close();
  expect(await filesOf(folder)).toEqual(['_manifest.json', ...files]);
  for (const path of files) expect(await readFile(join(folder, path), 'utf8')).toBe(path);
  expect(await readdir(folder)).not.toContain('a=3');
  await rm(folder, { recursive: true });
});
