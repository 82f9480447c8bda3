import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as fc from 'fast-check';
import { beforeEach, expect, it } from 'vitest';

import { FolderTarget } from '../../../src/lib/export/folder-target.js';
import { type Manifest, parseManifest, printManifest } from '../../../src/lib/export/manifest.js';
import { findDataset } from '../../../src/lib/export/read/find-dataset.js';
import { checkFiles } from '../../../src/lib/export/verify/check-files.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { write } from './write-dataset.js';

const hour = 3_600_000;
const { signal } = new AbortController();
const { seed } = replayable('files that are kept for a while');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'superseded-'));
  return () => rm(folder, { recursive: true });
});

const manifestPath = () => join(folder, '_manifest.json');
const manifestNow = async () => parseManifest(await readFile(manifestPath(), 'utf8'), folder);

/** The content of each data file. */
async function content(): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true });
  const paths = entries.filter((path) => path.endsWith('.parquet')).sort();
  const texts = await Promise.all(paths.map((path) => readFile(join(folder, path), 'utf8')));
  return Object.fromEntries(paths.map((path, i) => [path, texts[i]!]));
}

/** As if this much time had passed. */
async function pass(ms: number): Promise<void> {
  const manifest = await manifestNow();
  const superseded = manifest.superseded?.map(({ path, until }) => ({
    path,
    until: new Date(Date.parse(until) - ms).toISOString(),
  }));
  await writeFile(manifestPath(), printManifest({ ...manifest, ...(superseded && { superseded }) }));
}

const textsOf = (all: Record<string, string>, { files }: Pick<Manifest, 'files'>) =>
  files.map(({ path }) => all[path]).sort();

it('files that are replaced by several stay for their time, and do not count', async () => {
  const target = new FolderTarget(folder);
  const first = await write(target, { 'k=a': ['1', '2'], 'k=b': ['3'] });
  const old = await content();
  const began = Date.now();
  const second = await write(target, { 'k=a': ['4', '5'] }, { replace: new Set(['k=a']), keepOldMs: hour });
  const all = await content();
  expect(all).toMatchObject(old);
  expect(textsOf(all, second)).toEqual(['3', '4', '5']);
  expect(second.rows).toBe(3);
  const kept = first.files.map(({ path }) => path).filter((path) => path.startsWith('k=a/'));
  expect(second.superseded!.map(({ path }) => path)).toEqual(kept);
  for (const { until } of second.superseded!) {
    expect(Date.parse(until)).toBeGreaterThanOrEqual(began + hour);
    expect(Date.parse(until)).toBeLessThanOrEqual(Date.now() + hour);
  }
  // Whoever reads, verifies or goes on with the dataset knows them.
  expect((await findDataset(folder)).files.map(({ path }) => path)).toEqual(
    second.files.map(({ path }) => path),
  );
  expect(await checkFiles(folder, second, signal)).toEqual([]);
  await write(target, {}, { replace: new Set() });
  expect(await content()).toEqual(all);

  await pass(hour);
  const last = await write(target, {}, { replace: new Set() });
  expect(last).not.toHaveProperty('superseded');
  expect(Object.keys(await content())).toEqual(last.files.map(({ path }) => path));
});

it('whatever runs come, a file that is kept is not changed, and those that count are what was written', async () => {
  const folders = fc.subarray(['k=a', 'k=b', 'k=c']);
  const step = fc.record({
    written: folders.chain((chosen) =>
      fc.tuple(...chosen.map((k) => fc.tuple(fc.constant(k), fc.integer({ min: 1, max: 2 })))),
    ),
    replaced: fc.oneof(fc.constant('all' as const), folders),
    keepOldMs: fc.constantFrom(0, hour, 2 * hour),
    passes: fc.constantFrom(0, hour),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async (steps) => {
      await rm(folder, { recursive: true });
      const target = new FolderTarget(folder);
      let counting: { folder: string; text: string }[] = [];
      let number = 0;
      for (const { written, replaced, keepOldMs, passes } of steps) {
        const files = Object.fromEntries(
          written.map(([k, count]) => [k, Array.from({ length: count }, () => `${k} ${++number}`)]),
        );
        const before = await content().catch(() => ({}) as Record<string, string>);
        const replace = replaced === 'all' ? replaced : new Set(replaced);
        const manifest = await write(target, files, { replace, keepOldMs });
        counting = counting.filter((one) => replace !== 'all' && !replace.has(one.folder));
        for (const [k, texts] of Object.entries(files))
          counting.push(...texts.map((text) => ({ folder: k, text })));
        const all = await content();
        expect(textsOf(all, manifest)).toEqual(counting.map(({ text }) => text).sort());
        const kept = manifest.superseded?.map(({ path }) => path) ?? [];
        expect(Object.keys(all)).toEqual([...manifest.files.map(({ path }) => path), ...kept].sort());
        for (const path of kept) expect(all[path]).toBe(before[path]);
        await pass(passes);
      }
    }),
    { seed, numRuns: scaled(10) },
  );
});

it('files of two formats never count together', async () => {
  const target = new FolderTarget(folder);
  await write(target, { 'k=a': '1', 'k=b': '2' });
  const before = await content();
  const inOrc = (replace: ReadonlySet<string> | 'all') =>
    write(target, { 'k=a': '3', 'k=b': '4' }, { replace, suffix: 'orc' });
  for (const replace of [new Set<string>(), new Set(['k=a'])]) {
    await expect(inOrc(replace)).rejects.toMatchObject({ code: 'FORMATS_DIFFER', exitCode: 4 });
    expect(await content()).toEqual(before);
  }
  await inOrc(new Set(['k=a', 'k=b']));
  expect((await manifestNow()).files.map(({ path }) => path)).toEqual([
    'k=a/part-00000.orc',
    'k=b/part-00000.orc',
  ]);
  expect(await content()).toEqual({});
});
