import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { type FileAccess, FileRoles } from '../../../src/lib/core/file-roles.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-roles-'));
  mkdirSync(join(folder, 'real'));
  writeFileSync(join(folder, 'there'), 'content');
  linkSync(join(folder, 'there'), join(folder, 'hard'));
  symlinkSync('there', join(folder, 'soft'));
  symlinkSync('real', join(folder, 'alias'));
  symlinkSync('real/new', join(folder, 'dangling'));
  symlinkSync('dangling', join(folder, 'dangling-twice'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function meet(a: [string, FileAccess], b: [string, FileAccess]): Promise<boolean> {
  const roles = new FileRoles();
  const role = ([name, access]: [string, FileAccess]) => ({
    name: `the ${access} of ${name}`,
    path: join(folder, name),
    access,
  });
  await roles.add(role(a));
  const error = await roles.add(role(b)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error !== undefined) expect(error).toMatchObject({ code: 'SAME_FILE', exitCode: 2 });
  expect(roles.clashed).toBe(error !== undefined);
  return error !== undefined;
}

it.each([
  ['there', 'there'],
  ['there', './real/../there'],
  ['there', 'hard'],
  ['hard', 'soft'],
  ['real/new', 'real/new'],
  ['real/new', 'alias/new'],
  ['dangling', 'alias/new'],
  ['dangling-twice', 'real/new'],
])('%s and %s are one file, which may be read twice and not be written as well', async (a, b) => {
  expect(await meet([a, 'read'], [b, 'write'])).toBe(true);
  expect(await meet([a, 'write'], [b, 'read'])).toBe(true);
  expect(await meet([a, 'write'], [b, 'write'])).toBe(true);
  expect(await meet([a, 'read'], [b, 'read'])).toBe(false);
});

it.each([
  ['there', 'real/new'],
  ['real/new', 'real/other'],
  ['new', 'real/new'],
])('%s and %s are two files', async (a, b) => {
  expect(await meet([a, 'write'], [b, 'write'])).toBe(false);
});

it('devices and folders hold nothing that could be overwritten', async () => {
  const roles = new FileRoles();
  for (const path of ['/dev/null', '/dev/null', folder, folder])
    await roles.add({ name: 'an output', path, access: 'write' });
});
