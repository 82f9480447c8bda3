import { dirname, join, relative, sep } from 'node:path';

const core = ['src/lib/core/'];
const systems = ['src/lib/clients/', 'src/lib/access-log/', 'src/lib/sql/', 'src/lib/http/', ...core];
const services = [
  'src/lib/sources/',
  'src/lib/runs/',
  'src/lib/measure/',
  'src/lib/statistics/',
  'src/lib/columnar/',
  ...systems,
];
const program = ['src/runtime/', 'src/ui/', 'src/lib/', 'src/version.ts'];

/**
 * Which files may import which, from the top down; the first row with a pattern of a file is the file's. A pattern is a
 * path, or a folder with all below it, in which `<x>` is any name. In `imports` the name is that of the importing file
 * where its own pattern has it. Files of a row import each other when the names in their pattern are the same, unless the
 * row is `apart`.
 * @type {import('./import-direction.js').Row[]}
 */
export const folders = [
  {
    files: ['src/cli.ts', 'src/main.ts'],
    holds: 'the program',
    imports: [
      'src/main.ts',
      'src/commands/table.ts',
      'src/commands/sections.ts',
      'src/runtime/',
      ...core,
      'src/version.ts',
    ],
  },
  {
    files: ['src/docs.ts'],
    holds: '`npm run docs`',
    imports: [
      'src/commands/table.ts',
      'src/commands/sections.ts',
      'src/runtime/',
      'src/lib/columnar/',
      'lint/',
    ],
  },
  {
    files: ['src/commands/table.ts'],
    holds: 'the table of all commands, imported lazily',
    imports: ['src/commands/<command>.ts', 'src/commands/<group>/', 'src/runtime/'],
  },
  {
    files: ['src/commands/sections.ts', 'src/commands/demo-groups.ts'],
    holds: 'what groups add to the configuration and the demo',
    imports: ['src/lib/'],
    apart: true,
  },
  {
    files: ['src/commands/shared/<subject>/'],
    holds: 'what several groups share',
    imports: ['src/commands/shared/', ...program],
  },
  {
    files: ['src/commands/<group>/shared/'],
    holds: 'what several verbs of one group share',
    imports: ['src/commands/shared/', ...program],
  },
  {
    files: ['src/commands/<group>/', 'src/commands/<command>.ts'],
    holds: 'a verb a file: its declaration, and its use of `lib`',
    imports: [
      'src/commands/<group>/shared/',
      'src/commands/shared/',
      'src/commands/demo-groups.ts',
      ...program,
    ],
    apart: true,
  },
  {
    files: ['src/ui/'],
    holds: 'views: they draw data that they are given',
    imports: ['src/runtime/', 'src/lib/'],
  },
  {
    files: ['src/runtime/'],
    holds: 'what every command shares; names no domain',
    imports: core,
  },
  {
    files: ['src/library/'],
    holds: 'the entry points of the npm package',
    imports: ['src/lib/', 'src/version.ts'],
    apart: true,
  },
  {
    files: ['src/lib/sources/'],
    holds: 'rows from SQL, CSV, JSON lines and stdin as streams',
    imports: systems,
  },
  {
    files: ['src/lib/runs/'],
    holds: 'long runs: checkpoints, dead-letter files, pace',
    imports: systems,
  },
  {
    files: ['src/lib/measure/'],
    holds: 'latencies, the open and the closed loop',
    imports: systems,
  },
  {
    files: ['src/lib/columnar/'],
    holds: 'rows as columns: from COPY, to Parquet and ORC',
    imports: systems,
  },
  { files: ['src/lib/statistics/'], holds: 'tests, intervals, sample sizes', imports: systems },
  {
    files: ['src/lib/clients/'],
    holds: 'one external system each: connections, TLS, errors',
    imports: ['src/lib/http/', ...core],
  },
  {
    files: ['src/lib/access-log/'],
    holds: 'reading access logs; frequent requests in fixed memory',
    imports: core,
  },
  { files: ['src/lib/sql/'], holds: 'reading and printing SQL safely', imports: core },
  {
    files: ['src/lib/http/'],
    holds: 'the one HTTP client, and one mapping of its errors',
    imports: core,
  },
  {
    files: core,
    holds: 'errors, units, clock, files, byte strings',
    imports: [],
  },
  {
    files: ['src/lib/<domain>/'],
    holds: 'the work itself; knows no terminal',
    imports: services,
  },
  { files: ['src/version.ts'], holds: 'the version', imports: [] },
];

const own = /<(\w+)>/g;

/** The names in a pattern, when the path is one of its files. */
function match(pattern, path) {
  const escaped = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const end = pattern.endsWith('/') ? '' : '$';
  const found = new RegExp(`^${escaped.replace(own, '(?<$1>[^/]+)')}${end}`).exec(path);
  return found && { ...found.groups };
}

const withNames = (pattern, names) => pattern.replace(own, (whole, name) => names[name] ?? whole);

/** The row of a file of `src/`, and the pattern that it has there, with its names. */
function placeOf(path) {
  for (const row of folders) {
    for (const pattern of row.files) {
      const names = match(pattern, path);
      if (names) return { row, names, here: withNames(pattern, names) };
    }
  }
  return undefined;
}

/** Why `importer` may not import `imported` (paths from the project's root), or undefined when it may. */
export function refusal(importer, imported) {
  if (!importer.startsWith('src/')) return undefined;
  const place = placeOf(importer);
  if (!place) return 'no row of the table in lint/import-direction.js has this file';
  const { row, names, here } = place;
  const allowed = [...(row.apart ? [] : [here]), ...row.imports.map((pattern) => withNames(pattern, names))];
  if (allowed.some((pattern) => match(pattern, imported))) return undefined;
  return `${here} imports ${allowed.length === 0 ? 'nothing of the project' : `only ${allowed.join(', ')}`}`;
}

export const importDirection = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { refused: '{{importer}} may not import {{imported}}: {{reason}}.' },
  },
  create(context) {
    const path = (file) => relative(context.cwd, file).split(sep).join('/');
    const check = (source) => {
      if (typeof source?.value !== 'string' || !source.value.startsWith('.')) return;
      const importer = path(context.filename);
      const imported = path(join(dirname(context.filename), source.value)).replace(/^(src.*)\.js$/, '$1.ts');
      const reason = refusal(importer, imported);
      if (reason)
        context.report({ node: source, messageId: 'refused', data: { importer, imported, reason } });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source ?? node.argument?.literal),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
    };
  },
};
