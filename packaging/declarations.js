import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import ts from 'typescript';

/**
 * Leaves of the declarations in a folder what the exports of its entry files lead to, and removes the rest: a module
 * declares its private helpers too, and those name packages whose types a consumer does not have.
 * @param folder .d.ts files that import each other by relative paths
 * @param entries files of the folder
 */
export async function pruneDeclarations(folder, entries) {
  const roots = entries.map((entry) => resolve(folder, entry));
  const program = ts.createProgram(roots, {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noLib: true,
    types: [],
  });
  const kept = reachable(program, roots);
  const files = program
    .getSourceFiles()
    .map((source) => [source.fileName, textOf(source, kept)])
    .filter(([, text]) => text !== '');
  await rm(folder, { recursive: true });
  for (const [file, text] of files) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

/** The statements, and the names in import statements, that the exports of the root files need. */
function reachable(program, roots) {
  const checker = program.getTypeChecker();
  const kept = new Set();

  const follow = (symbol) => {
    for (const declaration of symbol?.declarations ?? []) keep(declaration);
    if (symbol && symbol.flags & ts.SymbolFlags.Alias) follow(checker.getAliasedSymbol(symbol));
  };
  const keep = (declaration) => {
    const statement = ts.findAncestor(declaration, ({ parent }) => parent && ts.isSourceFile(parent));
    if (!statement || program.isSourceFileFromExternalLibrary(statement.parent)) return;
    const isNew = !kept.has(statement);
    kept.add(declaration).add(statement);
    if (isNew && !ts.isImportDeclaration(statement)) visit(statement);
  };
  const visit = (node) => {
    if (ts.isIdentifier(node)) follow(checker.getSymbolAtLocation(node));
    ts.forEachChild(node, visit);
  };

  for (const root of roots) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(root));
    for (const symbol of module ? checker.getExportsOfModule(module) : []) follow(symbol);
  }
  return kept;
}

/** What is kept of a file, or an empty text. */
function textOf(source, kept) {
  const statements = source.statements.filter((statement) => kept.has(statement));
  if (statements.length === 0) return '';
  const texts = statements.map((statement) =>
    ts.isImportDeclaration(statement) ? textOfImport(statement, kept) : statement.getFullText(source).trim(),
  );
  // Without an export statement every declaration of the file counts as exported.
  return `${[...texts, 'export {};'].join('\n')}\n`;
}

function textOfImport(statement, kept) {
  const { importClause: clause, moduleSpecifier } = statement;
  const { name, namedBindings } = clause;
  if (namedBindings && ts.isNamespaceImport(namedBindings)) return statement.getText();
  const named = (namedBindings?.elements ?? []).filter((element) => kept.has(element));
  const bindings = [
    ...(name && kept.has(clause) ? [name.text] : []),
    ...(named.length > 0 ? [`{ ${named.map((element) => element.getText()).join(', ')} }`] : []),
  ];
  return `import ${clause.isTypeOnly ? 'type ' : ''}${bindings.join(', ')} from ${moduleSpecifier.getText()};`;
}
