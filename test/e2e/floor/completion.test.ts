import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { commandTable } from '../../../src/commands/table.js';
import type { Candidates } from '../../../src/runtime/flags.js';
import { globalFlags } from '../../../src/runtime/global-flags.js';
import { loadAll } from '../../../src/runtime/program.js';
import { cleanEnvironment, metrify } from '../run.js';

type Completed = { complete?: Candidates };

const PROGRAM = fileURLToPath(new URL('../../../dist/metrify.cjs', import.meta.url));
const CONFIG = 'configured.yaml';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-completion-'));
  symlinkSync(PROGRAM, join(folder, 'metrify'));
  writeFileSync(
    join(folder, CONFIG),
    `environments:
  default:
    rollouts:
      - { app: web, provider: istio, route: web, stable: { name: v1 }, canary: { name: v2 } }
      - { app: api, provider: istio, route: api, stable: { name: v1 }, canary: { name: v2 } }
  staging:
    redis: { url: 'redis://127.0.0.1:1' }
    postgres: { url: 'postgres://127.0.0.1:1/x' }
    cache:
      levels:
        - { name: hot, type: redis }
        - { name: cold, type: database }
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = new Map<string, string>();

async function scriptFor(shell: string): Promise<string> {
  const before = written.get(shell);
  if (before !== undefined) return before;
  const { code, stdout, stderr } = await metrify(['completion', shell]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const path = join(folder, `metrify.${shell}`);
  writeFileSync(path, stdout);
  written.set(shell, path);
  return path;
}

/** What bash's completion offers for the last of the words; `line` is what readline made them of. */
async function replied({ words, line = '' }: { words: string[]; line?: string }): Promise<string[]> {
  const path = await scriptFor('bash');
  const script = `source "$0"; COMP_LINE="$1"; COMP_POINT=\${#1}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _metrify; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const found = execFileSync('bash', ['--norc', '-c', script, path, line, ...words], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...cleanEnvironment(folder), PATH: `${folder}:${process.env.PATH}` },
  });
  return found.trim().split('\n');
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
  [['metrify', ''], ['cache'], ['--json']],
  [['metrify', 'doctor', '--output=j'], ['--output=json'], ['json']],
  [['metrify', 'cache', 'warm', '--value', ''], ['json', 'hash', 'column:'], ['--key']],
  [['metrify', 'cache', 'warm', '--verify', ''], ['all'], []],
  [['metrify', 'cache', 'warm', '--key', ''], [''], []],
  [
    ['metrify', 'canary', 'start', '--provider', ''],
    ['istio', 'envoy'],
    ['web', '--route'],
  ],
  [
    ['metrify', '-c', CONFIG, '-e', ''],
    ['default', 'staging'],
    ['cache', '--json'],
  ],
  [
    ['metrify', '-e', 'staging', '-c', CONFIG, 'cache', 'warm', '--to', ''],
    ['hot', 'cold'],
    ['blue', 'green'],
  ],
  [['metrify', `--config=${CONFIG}`, '-e', 'staging', 'cache', 'warm', '--to', 'hot,c'], ['hot,cold'], []],
  [['metrify', '-c', CONFIG, '-e', 'staging', 'cache', 'flush', '--level', 'h'], ['hot'], ['cold']],
  [['metrify', '-c', CONFIG, 'canary', 'abort', ''], ['web', 'api'], ['--route']],
  [['metrify', '-c', CONFIG, 'canary', 'abort', 'web', ''], [''], ['api']],
  [['metrify', '-c', 'missing.yaml', 'canary', 'abort', ''], [''], []],
  [['metrify', '-c', CONFIG, 'cache', 'get', 'con'], [''], [CONFIG]],
  [['metrify', 'cache', 'warm', '--sql', '@con'], [`@${CONFIG}`], []],
])('bash completes %j', async (words, offered, never) => {
  const replies = await replied({ words });
  expect(replies).toEqual(expect.arrayContaining([...offered]));
  if (offered[0] === '') expect(replies).toEqual(['']);
  for (const word of never) expect(replies).not.toContain(word);
});

it.each([
  ['metrify doctor --output=j', ['metrify', 'doctor', '--output', '=', 'j'], ['json']],
  ['metrify doctor --output=', ['metrify', 'doctor', '--output', '='], ['text', 'json', 'ndjson']],
  [`metrify cache warm --sql @con`, ['metrify', 'cache', 'warm', '--sql', '@', 'con'], [CONFIG]],
  [
    'metrify cache set --redis-url redis://a:1 --le',
    ['metrify', 'cache', 'set', '--redis-url', 'redis', ':', '//a', ':', '1', '--le'],
    ['--level'],
  ],
])('bash completes the last of the words that readline makes of %j', async (line, words, offered) => {
  expect(await replied({ line, words })).toEqual(offered);
});

it('whatever a declaration has looked up is named by the configuration', async () => {
  const declared = (await loadAll(commandTable)).flatMap(({ command }): Completed[] =>
    command ? [...Object.values(command.flags), ...Object.values(command.args)] : [],
  );
  const kinds = new Set([...declared, globalFlags.env as Completed].map(({ complete }) => complete));
  const looked = [...kinds].filter((kind) => typeof kind === 'string');
  const names = async (kind: string, environment: string) => {
    const argv = ['completion', 'values', kind, '-c', CONFIG, '-e', environment];
    return (await metrify(argv, { cwd: folder })).stdout;
  };
  const found = await Promise.all(
    looked.map(async (kind) => [kind, await names(kind, 'staging'), await names(kind, 'default')]),
  );
  expect(Object.fromEntries(found.map(([kind, ...answers]) => [kind, answers]))).toEqual({
    environments: ['default\nstaging\n', 'default\nstaging\n'],
    levels: ['hot\ncold\n', ''],
    rollouts: ['', 'web\napi\n'],
  });
});

it('bash offers files where a file is wanted', async () => {
  const path = await scriptFor('bash');
  writeFileSync(join(folder, 'rows with space.csv'), '');
  const script = `source "$0"; COMP_WORDS=(metrify cache warm --file ro); COMP_CWORD=4; _metrify; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const found = execFileSync('bash', ['--norc', '-c', script, path], { encoding: 'utf8', cwd: folder });
  expect(found).toBe('rows with space.csv\n');
});
