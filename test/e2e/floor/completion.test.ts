import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { metrify } from '../run.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-completion-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function scriptFor(shell: string): Promise<string> {
  const { code, stdout, stderr } = await metrify(['completion', shell]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const path = join(folder, `metrify.${shell}`);
  writeFileSync(path, stdout);
  return path;
}

const has = (program: string) => spawnSync(program, ['--version']).error === undefined;

it.each(['bash', 'zsh', 'fish'])('the script for %s is one that this shell can read', async (shell) => {
  const path = await scriptFor(shell);
  if (has(shell)) execFileSync(shell, ['-n', path]);
});

it('another shell is exit 2, naming the three', async () => {
  const { code, stderr } = await metrify(['completion', 'tcsh']);
  expect(code).toBe(2);
  expect(stderr).toContain('bash, zsh, fish');
});

it.each([
  [['metrify', ''], ['cache', 'completion', 'config', 'demo', 'doctor'], ['warm']],
  [['metrify', 'ca'], ['cache'], ['config']],
  [['metrify', '--js'], ['--json'], []],
  [
    ['metrify', 'cache', ''],
    ['warm', 'inspect', 'cluster'],
    ['check', 'demo'],
  ],
  [['metrify', 'cache', 'cluster', ''], ['status', 'check'], ['warm']],
  [['metrify', '--json', 'cache', 'w'], ['warm'], []],
  [['metrify', '-e', 'staging', 'cache', 'fl'], ['flush'], []],
  [['metrify', 'cache', 'warm', '--r'], ['--rate', '--resume', '--resume-column', '--redis-url'], ['--key']],
  [['metrify', 'cache', 'warm', '--dry'], ['--dry-run'], []],
  [['metrify', 'cache', 'get', '--dry'], [], ['--dry-run']],
  [['metrify', 'config', 'show', '-o', ''], ['text', 'json', 'ndjson'], []],
  [['metrify', 'config', 'show', '--output', 'n'], ['ndjson'], ['text']],
  [['metrify', 'completion', ''], ['bash', 'zsh', 'fish'], []],
])('bash completes %j', async (words, offered, never) => {
  const path = await scriptFor('bash');
  const script = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _metrify; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const found = execFileSync('bash', ['--norc', '-c', script, path, ...words], {
    encoding: 'utf8',
    cwd: folder,
  });
  const replies = found.trim().split('\n');
  expect(replies).toEqual(expect.arrayContaining([...offered]));
  for (const word of never) expect(replies).not.toContain(word);
});

it('bash offers files where a file is wanted', async () => {
  const path = await scriptFor('bash');
  writeFileSync(join(folder, 'rows with space.csv'), '');
  const script = `source "$0"; COMP_WORDS=(metrify cache warm --file ro); COMP_CWORD=4; _metrify; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const found = execFileSync('bash', ['--norc', '-c', script, path], { encoding: 'utf8', cwd: folder });
  expect(found).toBe('rows with space.csv\n');
});
