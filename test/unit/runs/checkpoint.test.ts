import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';

import { storedCount } from '../../../src/lib/core/stored-count.js';
import { Checkpoint, type RunKind } from '../../../src/lib/runs/checkpoint.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-checkpoint-'));
  path = join(folder, 'run.ckpt');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A run that knows no rows. */
const files = {
  identity: { command: 'copy', to: { folder: '/data', format: 'parquet' }, columns: ['a', 'b'] },
  reached: z.object({ done: z.array(z.object({ file: z.string(), rows: storedCount })) }),
};
const done = [{ file: 'a.parquet', rows: 3 }];

/** A run with counts by name. */
const counting: RunKind<{ position: { rows: number }; counts: Record<string, number> }> = {
  identity: { command: 'index', index: 'meters' },
  reached: z.object({
    position: z.object({ rows: storedCount }),
    counts: z.record(z.string(), storedCount),
  }),
};

describe('a checkpoint', () => {
  it.each([
    ['of files', files as RunKind<object>, { done }],
    ['of counts', counting as RunKind<object>, { position: { rows: 7 }, counts: { indexed: 6, failed: 1 } }],
  ])('%s: what was saved is where the same run continues', async (_, kind, reached) => {
    const first = await Checkpoint.open(path, kind);
    expect(first).toMatchObject({ reached: undefined, exists: false });
    await first.rehearse(reached);
    expect(readdirSync(folder)).toEqual([]);
    await first.save(reached);
    expect(first.exists).toBe(true);

    const second = await Checkpoint.open(path, kind);
    expect(second.reached).toEqual(reached);
    expect(second.startingOver()).toMatchObject({ path, reached: undefined, exists: true });
    await second.remove();
    await second.remove();
    expect(second.exists).toBe(false);
    expect(existsSync(path)).toBe(false);
  });

  it('is the version, the run, how far it got, and the time', async () => {
    const checkpoint = await Checkpoint.open(path, files);
    await checkpoint.save({ done });
    const text = readFileSync(path, 'utf8');
    const { savedAt } = JSON.parse(text) as { savedAt: string };
    expect(new Date(savedAt).toISOString()).toBe(savedAt);
    expect(text).toBe(`${JSON.stringify({ version: 1, run: files.identity, done, savedAt }, null, 2)}\n`);
  });

  it('of another run: every difference, and the file stays', async () => {
    await (await Checkpoint.open(path, files)).save({ done });
    const saved = readFileSync(path);
    const other = { command: 'copy', to: { folder: '/data', format: 'csv' }, columns: ['a'], rate: 5 };
    await expect(Checkpoint.open(path, { ...files, identity: other })).rejects.toMatchObject({
      exitCode: 4,
      code: 'CHECKPOINT_MISMATCH',
      message: `the checkpoint ${path} belongs to another run: to format was "parquet", is "csv"; columns was ["a","b"], is ["a"]; rate was not given, is 5`,
    });
    expect(readFileSync(path)).toEqual(saved);
  });

  it('is of the same run whatever the order of the names, and what is undefined', async () => {
    await (await Checkpoint.open(path, files)).save({ done });
    const { command, to, columns } = files.identity;
    const identity = { rate: undefined, columns, to: { format: to.format, folder: to.folder }, command };
    expect((await Checkpoint.open(path, { ...files, identity })).reached).toEqual({ done });
  });

  it.each(['toString', 'constructor'])('with a member %s of its run is of another', async (name) => {
    await (await Checkpoint.open(path, files)).save({ done });
    writeFileSync(path, readFileSync(path, 'utf8').replace('"run": {', `"run": { "${name}": {"a": 1},`));
    await expect(Checkpoint.open(path, files)).rejects.toMatchObject({ exitCode: 4 });
  });

  it.each([
    ['nothing', '', 'it is not JSON'],
    ['half of one', '{"version":1,', 'it is not JSON'],
    [
      'nested too deeply',
      `{"version":1,"run":{"x":${'['.repeat(1e5)}${']'.repeat(1e5)}},"savedAt":""}`,
      'it is not JSON',
    ],
    ['a list', '[]', 'it is not an object'],
    ['null', 'null', 'it is not an object'],
    ['a later version', '{"version":2,"run":{},"savedAt":""}', 'version is missing or wrong'],
    ['no run', '{"version":1,"savedAt":""}', 'run is missing or wrong'],
    ['a list as run', '{"version":1,"run":[],"savedAt":""}', 'run is missing or wrong'],
  ])('is not %s', async (_, text, why) => {
    writeFileSync(path, text);
    await expect(Checkpoint.open(path, files)).rejects.toMatchObject({
      exitCode: 2,
      code: 'CHECKPOINT',
      message: `${path} is not a checkpoint of metrify: ${why}`,
    });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('of the same run with something else than it can have reached is not one', async () => {
    await (await Checkpoint.open(path, files)).save({ done: [{ file: 'a.parquet', rows: -3 }] });
    await expect(Checkpoint.open(path, files)).rejects.toMatchObject({
      exitCode: 2,
      message: `${path} is not a checkpoint of metrify: done.0.rows is missing or wrong`,
    });
  });

  it('that cannot be written is told before anything needs it, and by name', async () => {
    const checkpoint = await Checkpoint.open(join(folder, 'nowhere', 'run.ckpt'), files);
    await expect(checkpoint.rehearse({ done })).rejects.toMatchObject({ exitCode: 2, code: 'CHECKPOINT' });
    await expect(checkpoint.save({ done })).rejects.toMatchObject({
      exitCode: 5,
      code: 'CHECKPOINT_NOT_WRITTEN',
    });
    expect(checkpoint.exists).toBe(false);
  });

  it('that is a folder cannot be read', async () => {
    mkdirSync(path);
    await expect(Checkpoint.open(path, files)).rejects.toMatchObject({ exitCode: 2, code: 'CHECKPOINT' });
  });
});
