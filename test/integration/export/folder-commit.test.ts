import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeEach, expect, it } from 'vitest';

import { FolderTarget } from '../../../src/lib/export/folder-target.js';
import { write } from './write-dataset.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'commit-'));
  return () => rm(folder, { recursive: true });
});

it('a noted change whose files somebody has removed is not made by half', async () => {
  const target = new FolderTarget(folder);
  await write(target, { 'k=a': '1' });
  const manifest = await readFile(join(folder, '_manifest.json'), 'utf8');
  const opened = await target.open();
  const staged = opened.stage('k=b/part-00000.parquet');
  await staged.write([Buffer.from('2')]);
  await staged.finish();
  const staging = (await readdir(folder)).find((name) => /^\.metrify-/.test(name))!;
  const commit = { files: [{ path: staged.path, staged: '0.tmp' }], removed: [], manifest: 'new' };
  await writeFile(join(folder, staging, 'commit.json'), JSON.stringify(commit));
  await rm(join(folder, staging, '0.tmp'));
  // As of a run that has died.
  await rm(join(folder, '.metrify.lock'));
  await expect(target.open()).rejects.toMatchObject({ code: 'TARGET_UNUSABLE', exitCode: 5 });
  expect(await readFile(join(folder, '_manifest.json'), 'utf8')).toBe(manifest);
});
