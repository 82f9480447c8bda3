/*
 * After `npm pack` of the command line: a package of its own for each library entry that has a folder in packages/,
 * with the dependencies that this entry imports. The folder has what cannot be derived: package.json with the name,
 * the description and the dependencies that are optional, and README.md.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

import { pruneDeclarations } from './declarations.js';
import { bundle, manifest } from './esbuild.js';

for (const entry of await readdir('packages')) {
  const folder = await mkdtemp(join(tmpdir(), 'metrify-package-'));
  try {
    await stage(entry, folder);
    // npm hands its options on in the environment. Standard output belongs to the outer `npm pack`.
    execFileSync('npm', ['pack', folder], { cwd: process.env.INIT_CWD, stdio: ['ignore', 2, 2] });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function stage(entry, folder) {
  const own = join('packages', entry);
  await cp(own, folder, { recursive: true });
  await cp('LICENSE', join(folder, 'LICENSE'));
  await cp('dist/types', join(folder, 'types'), { recursive: true });
  await pruneDeclarations(join(folder, 'types'), [`library/${entry}.d.ts`]);
  const { metafile } = await build({
    ...bundle,
    entryPoints: [`src/library/${entry}.ts`],
    outdir: join(folder, 'dist'),
    // A service shares its packages with us, and gets their fixes without a release of ours.
    packages: 'external',
  });
  const described = JSON.parse(await readFile(join(own, 'package.json'), 'utf8'));
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify(manifestOf(entry, described, metafile), null, 2),
  );
}

function manifestOf(entry, described, { outputs }) {
  const imported = Object.values(outputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external),
  );
  const packages = new Set(imported.map(({ path }) => packageOf(path)).filter((name) => !isBuiltin(name)));
  const optional = Object.keys(described.peerDependenciesMeta ?? {});
  const unused = optional.find((name) => !packages.has(name));
  if (unused)
    throw new Error(`packages/${entry}/package.json names ${unused}, which ${entry}.ts does not import`);
  const { version, license, engines } = manifest;
  return {
    ...described,
    version,
    license,
    type: 'module',
    exports: {
      './package.json': './package.json',
      '.': { types: `./types/library/${entry}.d.ts`, default: `./dist/${entry}.js` },
    },
    files: ['dist', 'types'],
    engines,
    dependencies: rangesOf([...packages].filter((name) => !optional.includes(name))),
    peerDependencies: rangesOf(optional),
  };
}

function packageOf(path) {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
}

/** From the version that is tested up, so that a service has one copy of a package. */
function rangesOf(names) {
  return Object.fromEntries(names.sort().map((name) => [name, `^${versionOf(name)}`]));
}

function versionOf(name) {
  const version = manifest.dependencies[name];
  if (!version) throw new Error(`src/ imports ${name}, which is not among the dependencies of package.json`);
  return version;
}
