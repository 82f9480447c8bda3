// Bundles src/ into dist/: the executable, the commands that it loads, one entry for each public library domain, shared chunks.
import { chmod, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

import { bundle, libraryEntries, manifest } from './packaging/esbuild.js';

const { dependencies, optionalDependencies } = manifest;
// Commander, zod and YAML are small and needed by every start: in the bundle they cost no module resolution. pg and the printer of
// SQL have 50 files, which a command that reads PostgreSQL would look for one by one. Of the Kubernetes client's 800 modules we load
// one with what that needs: 60 ms in a chunk of its own, 310 ms from its files.
const bundled = [
  'commander',
  'zod',
  'yaml',
  'pg',
  'pg-copy-streams',
  'pgsql-deparser',
  '@kubernetes/client-node',
];

// Commander loads child_process, and that the network, for subcommands that are executables of their own, which
// metrify has none of: a tenth of `metrify --help`.
const leaveOutChildProcess = {
  name: 'leave out child_process',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes(join('node_modules', 'commander'))
        ? { path: 'child_process', namespace: 'none' }
        : null,
    );
    onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'module.exports = {};' }));
  },
};

// Where there is no navigator, as in Node 20, pg makes a Response to find out whether it runs on Cloudflare. That loads all of
// fetch: a tenth of the time before the first row of a query.
const leaveOutCloudflare = {
  name: 'leave out Cloudflare',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]node_modules[/\\]pg[/\\]lib[/\\]stream\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace('if (isCloudflareRuntime())', 'if (false)');
      if (contents === source) throw new Error(`${path} does not ask for Cloudflare any more`);
      return { contents };
    });
  },
};

// The executable's own bundle is the help page; main.js has the commands.
const leaveOutWhatIsLoadedLater = {
  name: 'leave out what is loaded later',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : null,
    );
  },
};

const { metafile } = await build({
  ...bundle,
  entryPoints: ['src/main.ts', 'src/lib/load/worker.ts', ...libraryEntries],
  outbase: 'src',
  outdir: 'dist',
  minifySyntax: true,
  external: [
    ...Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => !bundled.includes(name)),
    'pg-native',
    'pg-cloudflare',
  ],
  banner: {
    js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);",
  },
  plugins: [leaveOutChildProcess, leaveOutCloudflare],
});

const executable = await build({
  ...bundle,
  entryPoints: { metrify: 'src/cli.ts' },
  splitting: false,
  format: 'cjs',
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  minifySyntax: true,
  banner: { js: '#!/usr/bin/env node' },
  plugins: [leaveOutWhatIsLoadedLater],
});
for (const file of Object.keys(executable.metafile.outputs)) await chmod(file, 0o755);

// The script and the style of reports, for browsers: inlined by `src/ui/load-report/assets.ts`.
const license = await readFile('node_modules/uplot/LICENSE', 'utf8');
const report = await build({
  entryPoints: { 'load-report': 'src/ui/load-report/browser/main.ts' },
  bundle: true,
  minify: true,
  target: 'es2022',
  outdir: 'dist/ui',
  logLevel: 'warning',
  metafile: true,
  legalComments: 'none',
  banner: { js: `/*! uPlot\n${license}*/` },
});

// Only now: a process that runs the old bundle finds its chunks until the new one is whole.
const outputs = new Set([metafile, report.metafile].flatMap(({ outputs }) => Object.keys(outputs)));
for (const file of await readdir('dist', { recursive: true }))
  if (file.endsWith('.js') && !outputs.has(join('dist', file))) await rm(join('dist', file));
