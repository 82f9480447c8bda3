import { readdir } from 'node:fs/promises';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, test } from 'vitest';

import { folders } from '../../lint/import-direction.js';

const eslint = new ESLint({
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
  // The snippets are no files, so nobody knows their types.
  overrideConfig: [
    { files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked },
    { files: ['**/*.ts'], languageOptions: { parserOptions: { projectService: false, project: false } } },
  ],
});

/** The rules that refuse `code` as the content of `filePath`. */
async function refusals(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return result!.messages.map(({ ruleId, message }) => ruleId ?? message);
}

const importing = (path: string): string => `import { x } from '${path}';\nx();\n`;

describe('imports run one way', () => {
  test.each([
    ['src/lib/core/a.ts', '../clients/b.js', 'core -> clients'],
    ['src/lib/core/a.ts', '../cache/b.js', 'core -> domain'],
    ['src/lib/clients/a.ts', '../cache/b.js', 'clients -> domain'],
    ['src/lib/sql/a.ts', '../../runtime/b.js', 'sql -> runtime'],
    ['src/lib/runs/a.ts', '../cache/b.js', 'runs -> domain'],
    ['src/lib/core/a.ts', '../runs/b.js', 'core -> runs'],
    ['src/lib/core/a.ts', '../http/b.js', 'core -> http'],
    ['src/lib/http/a.ts', '../clients/b.js', 'http -> clients'],
    ['src/lib/measure/a.ts', '../cache/b.js', 'measure -> domain'],
    ['src/lib/access-log/a.ts', '../cache/b.js', 'access-log -> domain'],
    ['src/lib/cache/a.ts', '../rollout/b.js', 'domain -> other domain'],
    ['src/lib/cache/a/b/c.ts', '../../../rollout/b.js', 'deep in a domain -> other domain'],
    ['src/lib/cache/a.ts', '../../runtime/b.js', 'domain -> runtime'],
    ['src/lib/cache/a.ts', '../../ui/b.js', 'domain -> ui'],
    ['src/runtime/a.ts', '../commands/cache/b.js', 'runtime -> command'],
    ['src/ui/a.ts', '../commands/cache/b.js', 'ui -> command'],
    ['src/commands/cache/a.ts', './b.js', 'command -> command'],
    ['src/commands/demo.ts', './cache/b.js', 'command -> command of a group'],
    ['src/commands/cache/a.ts', '../table.js', 'command -> table'],
    ['src/commands/cache/a.ts', '../../cli.js', 'command -> cli'],
    ['src/commands/config/a.ts', '../cache/shared/b.js', "command -> other group's shared part"],
    ['src/commands/shared/rollout/a.ts', '../../canary/b.js', 'what commands share -> command'],
    ['src/commands/shared/rollout/a.ts', '../../cache/shared/b.js', "what commands share -> a group's part"],
    ['src/runtime/a.ts', '../commands/shared/rollout/b.js', 'runtime -> what commands share'],
    ['src/lib/core/a.ts', '../../../test/b.js', 'src -> test'],
    ['src/lib/clients/a.ts', '../sources/b.js', 'clients -> sources'],
    ['src/lib/clients/a.ts', '../sql/b.js', 'clients -> sql, of the same height'],
    ['src/lib/sql/a.ts', '../clients/b.js', 'sql -> clients'],
    ['src/lib/sql/a.ts', '../http/b.js', 'sql -> http'],
    ['src/lib/access-log/a.ts', '../clients/b.js', 'access-log -> clients'],
    ['src/lib/measure/a.ts', '../runs/b.js', 'measure -> runs, of the same height'],
    ['src/lib/sources/a.ts', '../runs/b.js', 'sources -> runs, of the same height'],
    ['src/lib/statistics/a.ts', '../rollout/b.js', 'statistics -> domain'],
    ['src/lib/demo/a.ts', '../cache/b.js', 'demo is a domain'],
    ['src/lib/doctor/a.ts', '../rollout/b.js', 'doctor is a domain'],
    ['src/lib/core/a.ts', '../../version.js', 'core -> version'],
    ['src/runtime/a.ts', '../lib/cache/b.js', 'runtime -> domain'],
    ['src/runtime/a.ts', '../lib/clients/b.js', 'runtime -> clients'],
    ['src/runtime/a.ts', '../ui/b.js', 'runtime -> ui'],
    ['src/commands/sections.ts', './cache/b.js', 'list -> command'],
    ['src/commands/sections.ts', './demo-groups.js', 'list -> list'],
    ['src/commands/cache/shared/a.ts', '../b.js', "a group's shared part -> command"],
    ['src/commands/cache/queue/a.ts', '../b.js', 'command -> command of the folder above'],
    ['src/library/a.ts', '../runtime/b.js', 'library -> runtime'],
    ['src/library/a.ts', './b.js', 'entry -> entry'],
    ['src/cli.ts', './commands/cache/b.js', 'cli -> command, past the table'],
    ['src/cli.ts', './lib/cache/b.js', 'cli -> domain'],
    ['src/elsewhere/a.ts', '../lib/core/b.js', 'a folder that the table does not have'],
  ])('%s may not import %s (%s)', async (file, path) => {
    expect(await refusals(file, importing(path))).toEqual(['metrify/import-direction']);
  });

  test.each([
    ['src/cli.ts', './commands/table.js'],
    ['src/commands/table.ts', './cache/b.js'],
    ['src/commands/cache/a.ts', './shared/b.js'],
    ['src/commands/canary/a.ts', '../shared/rollout/b.js'],
    ['src/commands/deploy/shared/a.ts', '../../shared/rollout/b.js'],
    ['src/commands/shared/rollout/a.ts', './b.js'],
    ['src/commands/cache/a.ts', '../../runtime/b.js'],
    ['src/commands/cache/a.ts', '../../lib/cache/b.js'],
    ['src/commands/cache/queue/a.ts', '../shared/b.js'],
    ['src/commands/demo.ts', './demo-groups.js'],
    ['src/commands/demo-groups.ts', '../lib/cache/b.js'],
    ['src/runtime/a.ts', '../lib/core/b.js'],
    ['src/ui/a.ts', '../lib/cache/b.js'],
    ['src/ui/a.ts', '../runtime/b.js'],
    ['src/library/a.ts', '../lib/cache/b.js'],
    ['src/lib/sources/a.ts', '../sql/b.js'],
    ['src/lib/rollout/a.ts', '../statistics/b.js'],
    ['src/lib/cache/a.ts', './b.js'],
    ['src/lib/cache/a.ts', '../clients/b.js'],
    ['src/lib/sources/a.ts', '../clients/b.js'],
    ['src/lib/runs/a.ts', '../clients/b.js'],
    ['src/lib/cache/a.ts', '../runs/b.js'],
    ['src/lib/clients/a.ts', '../core/b.js'],
    ['src/lib/clients/a.ts', '../http/b.js'],
    ['src/lib/cache/a.ts', '../measure/b.js'],
    ['src/commands/a.ts', '../version.js'],
    ['test/unit/a.ts', '../../src/lib/cache/b.js'],
    ['bench/a.ts', '../test/servers/b.js'],
  ])('%s may import %s', async (file, path) => {
    expect(await refusals(file, importing(path))).toEqual([]);
  });

  test.each([
    ["import type { X } from '../../runtime/b.js';\nexport const a: X = 1;\n"],
    ["export const a = () => import('../../runtime/b.js');\n"],
    ["export type A = import('../../runtime/b.js').X;\n"],
  ])('in every form: %s', async (code) => {
    expect(await refusals('src/lib/cache/a.ts', code)).toContain('metrify/import-direction');
  });
});

test('every row of the table has files', async () => {
  const files = await readdir(fileURLToPath(new URL('../../src', import.meta.url)), { recursive: true });
  const paths = files.map((file) => `src/${file.split(sep).join('/')}`);
  for (const pattern of folders.flatMap((row) => row.files)) {
    const known = new RegExp(`^${pattern.replace(/<\w+>/g, '[^/]+')}`);
    expect(
      paths.some((path) => known.test(path)),
      pattern,
    ).toBe(true);
  }
});

describe('the process belongs to the host', () => {
  const uses: [string, string][] = [
    ['export const a = process.argv;\n', 'no-restricted-properties'],
    ['export const a = process.env;\n', 'no-restricted-properties'],
    ['export const { env } = process;\n', 'no-restricted-properties'],
    ['export const a = process.cwd();\n', 'no-restricted-properties'],
    ['export const a = () => process.exit(1);\n', 'no-restricted-properties'],
    ['export const a = process.platform;\n', 'no-restricted-globals'],
    ['export const a = () => process.kill(1);\n', 'no-restricted-globals'],
    ["import { homedir } from 'node:os';\nexport const a = homedir();\n", 'no-restricted-imports'],
    ["import { userInfo } from 'node:os';\nexport const a = userInfo();\n", 'no-restricted-imports'],
    ["import { argv } from 'node:process';\nexport const a = argv;\n", 'no-restricted-imports'],
    ["console.log('a');\n", 'no-console'],
    ["export * from './b.js';\n", 'no-restricted-syntax'],
    ["export { b } from './b.js';\n", 'no-restricted-syntax'],
  ];
  test.each(uses)('%s is refused', async (code, rule) => {
    for (const file of ['src/lib/cache/a.ts', 'src/commands/cache/a.ts', 'src/runtime/a.ts']) {
      expect(await refusals(file, code)).toContain(rule);
    }
  });

  test('a file that asks for process ids still takes arguments and environment from the context', async () => {
    const file = 'src/lib/core/process-identity.ts';
    expect(await refusals(file, 'export const a = process.pid;\n')).toEqual([]);
    expect(await refusals(file, 'export const a = process.env;\n')).toEqual(['no-restricted-properties']);
  });

  test('and the host may', async () => {
    for (const file of ['src/cli.ts', 'src/runtime/host.ts']) {
      expect(await refusals(file, 'export const a = [process.argv, process.env];\n')).toEqual([]);
    }
  });
});
