import js from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

import { importDirection } from './lint/import-direction.js';

const node = Object.fromEntries(
  [
    'process',
    'console',
    'Buffer',
    'URL',
    'fetch',
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
  ]
    .concat(['performance', 'AbortController', 'AbortSignal', 'TextDecoder', 'TextEncoder', 'setImmediate'])
    .map((name) => [name, 'readonly']),
);

const fromContext = 'Only src/cli.ts and src/runtime/host.ts touch the process: take it from the context.';
const hostOnly = (property) => ({ object: 'process', property, message: fromContext });

/** Where a process id, the platform or the user's name is what the file is about. */
const asksTheSystem = [
  'src/commands/shared/rollout/open.ts',
  'src/lib/clients/kubernetes/config.ts',
  'src/lib/clients/redis/connection.ts',
  'src/lib/core/{file-lock,files,process-identity}.ts',
  'src/lib/demo/{native,premises}.ts',
  'src/lib/rollout/gates.ts',
  'src/lib/rollout/providers/files/nginx-program.ts',
  'src/runtime/lock.ts',
];

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.{js,mjs,ts,tsx}'],
    plugins: { 'import-x': importX, metrify: { rules: { 'import-direction': importDirection } } },
    settings: {
      'import-x/resolver-next': [
        createNodeResolver({
          extensions: ['.ts', '.tsx', '.js', '.json'],
          extensionAlias: { '.js': ['.ts', '.tsx', '.js'] },
        }),
      ],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.tsx'] },
    },
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'max-lines': ['error', { max: 400 }],
      'import-x/no-duplicates': 'error',
      'import-x/no-self-import': 'error',
      'import-x/no-mutable-exports': 'error',
      'import-x/no-cycle': 'error',
    },
  },
  { files: ['**/*.{js,cjs,mjs}'], languageOptions: { globals: node } },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strict],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['vitest.config.ts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    rules: {
      'metrify/import-direction': 'error',
      'import-x/no-extraneous-dependencies': ['error', { devDependencies: false }],
      'no-console': 'error',
      'no-restricted-globals': ['error', { name: 'process', message: fromContext }],
      'no-restricted-properties': [
        'error',
        ...['argv', 'env', 'exit', 'exitCode', 'cwd', 'stdout', 'stderr', 'stdin'].map(hostOnly),
      ],
      'no-restricted-imports': [
        'error',
        ...['node:process', 'process'].map((name) => ({ name, message: fromContext })),
        { name: 'node:os', importNames: ['homedir', 'userInfo'], message: fromContext },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportAllDeclaration',
          message: 'No barrel files: import from the file that declares it.',
        },
        {
          selector: 'ExportNamedDeclaration[source]',
          message: 'No barrel files: import from the file that declares it.',
        },
        {
          selector:
            "CallExpression[callee.property.name='any'] CallExpression[callee.property.name='timeout']",
          message: 'Node 20 collects this time-out as garbage: take withTimeout of lib/core/abort.js.',
        },
      ],
    },
  },
  // A service that calls it has no context to give: references of scenarios are to its own environment.
  {
    files: ['src/lib/load/load.ts'],
    rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off' },
  },
  // The public entries are what barrel files are for.
  { files: ['src/library/*.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: asksTheSystem, rules: { 'no-restricted-globals': 'off', 'no-restricted-imports': 'off' } },
  {
    files: ['src/cli.ts', 'src/runtime/host.ts'],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
      'no-restricted-properties': 'off',
    },
  },
);
