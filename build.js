// Bundles src/ into dist/: one entry for the executable, one for each public library domain, shared chunks.
import { readFile, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const { version, dependencies, optionalDependencies } = JSON.parse(await readFile('package.json', 'utf8'));
// Small and needed by every start: in the bundle they cost no module resolution.
const bundled = ['commander', 'picocolors', 'zod', 'yaml'];

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/cli.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  external: Object.keys({ ...dependencies, ...optionalDependencies }).filter(
    (name) => !bundled.includes(name),
  ),
  define: { METRIFY_VERSION: JSON.stringify(version) },
  banner: {
    js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);",
  },
  logLevel: 'warning',
});
