import { dirname, join, relative, sep } from 'node:path';

/**
 * cli -> commands -> {ui, runtime} -> lib/<domain> -> lib/{sources, runs, measure, statistics, clients, access-log, sql} -> lib/http -> lib/core.
 * A file may import from its own layer and from those below, except that commands don't know each other, and domains neither.
 */
const LAYERS = ['core', 'http', 'service', 'domain', 'terminal', 'command', 'cli'];
const SERVICES = new Set(['sources', 'runs', 'statistics', 'measure', 'clients', 'access-log', 'sql']);

/** Where a file of the project stands; undefined for files that may import anything (tests, benchmarks, tools). */
export function placeOf(path) {
  const [root, top, second] = path.split('/');
  if (root !== 'src') return undefined;
  if (top === 'lib') {
    if (second === 'core' || second === 'http') return { layer: second };
    return SERVICES.has(second) ? { layer: 'service' } : { layer: 'domain', domain: second };
  }
  if (top === 'runtime' || top === 'ui') return { layer: 'terminal' };
  if (path === 'src/version.ts') return { layer: 'core' };
  // The table of all commands is part of the program, though it stands beside them.
  if (top === 'commands' && path !== 'src/commands/table.ts') return { layer: 'command' };
  return { layer: 'cli' };
}

/** Why `importer` may not import `imported` (paths from the project's root), or undefined when it may. */
export function refusal(importer, imported) {
  const from = placeOf(importer);
  const to = placeOf(imported);
  if (!from) return undefined;
  if (!to) return 'src/ imports nothing from outside src/';
  if (LAYERS.indexOf(to.layer) > LAYERS.indexOf(from.layer)) {
    return `the ${from.layer} layer never imports upward, from the ${to.layer} layer`;
  }
  if (from.layer === 'domain' && to.layer === 'domain' && from.domain !== to.domain) {
    return `the domain ${from.domain} never imports the domain ${to.domain}; what both need belongs below`;
  }
  if (from.layer === 'command' && to.layer === 'command' && !isSharedPart(importer, imported)) {
    return 'a command never imports another command; what several share stands in shared/ of their group, or of src/commands/';
  }
  return undefined;
}

/**
 * Files in `GROUP/shared/` are no commands, and belong to the commands of GROUP; those in `src/commands/shared/SUBJECT/`
 * to all.
 */
function isSharedPart(importer, imported) {
  if (imported.startsWith('src/commands/shared/')) return true;
  const [group, part] = imported.split('/shared/');
  return part !== undefined && importer.startsWith(`${group}/`);
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
      const imported = path(join(dirname(context.filename), source.value)).replace(/\.js$/, '.ts');
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
