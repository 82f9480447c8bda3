/* `npm run types`: declarations of the library's public surface, in dist/types. */
import { rm } from 'node:fs/promises';
import ts from 'typescript';

import { pruneDeclarations } from './declarations.js';
import { libraryEntries } from './esbuild.js';

const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (diagnostic) => report([diagnostic]) };
const { fileNames, options } = ts.getParsedCommandLineOfConfigFile('tsconfig.types.json', {}, host);

await rm(options.outDir, { recursive: true, force: true });
const { diagnostics } = ts.createProgram(fileNames, options).emit();
if (diagnostics.length > 0) report(diagnostics);
await pruneDeclarations(
  options.outDir,
  libraryEntries.map((file) => file.replace(/^src\/(.*)\.ts$/, '$1.d.ts')),
);

function report(diagnostics) {
  const format = {
    getCurrentDirectory: ts.sys.getCurrentDirectory,
    getCanonicalFileName: String,
    getNewLine: () => '\n',
  };
  throw new Error(ts.formatDiagnostics(diagnostics, format));
}
