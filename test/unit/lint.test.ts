import { fileURLToPath } from 'node:url';

import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, test } from 'vitest';

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
    ['src/runtime/a.ts', '../lib/cache/b.js'],
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

describe('the process belongs to the host', () => {
  const uses: [string, string][] = [
    ['export const a = process.argv;\n', 'no-restricted-properties'],
    ['export const a = process.env;\n', 'no-restricted-properties'],
    ['export const { env } = process;\n', 'no-restricted-properties'],
    ['export const a = process.cwd();\n', 'no-restricted-properties'],
    ['export const a = () => process.exit(1);\n', 'no-restricted-properties'],
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

  test('and the host may', async () => {
    for (const file of ['src/cli.ts', 'src/runtime/host.ts']) {
      expect(await refusals(file, 'export const a = [process.argv, process.env];\n')).toEqual([]);
    }
  });
});
