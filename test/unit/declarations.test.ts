import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { pruneDeclarations } from '../../packaging/declarations.js';

const folder = await mkdtemp(join(tmpdir(), 'metrify-declarations-'));
afterAll(() => rm(folder, { recursive: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

async function files(): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith('.ts')).sort();
}

test('what the exports of an entry lead to stays, and the rest goes', async () => {
  await write({
    'entry.d.ts': `export { open, type Options as Settings } from './lib/open.js';\n`,
    'lib/open.d.ts': `
      import driver, { type Pool, type Client } from 'some-driver';
      import { type Level, type Hidden } from './level.js';
      import type * as shapes from './shapes.js';
      /** Kept with its words. */
      export interface Options { levels: Level[]; shape?: shapes.Round; own?: Pool }
      export declare function open(options: Options): Promise<import('./cache.js').Cache>;
      export declare function open(name: string): Promise<void>;
      export declare function connect(hidden: Hidden): Client | typeof driver;
      declare global { interface Array<T> { ours(): T } }`,
    'lib/level.d.ts': `
      declare const names: readonly ['hot', 'warm'];
      export type Level = (typeof names)[number];
      export interface Hidden { a: 1 }
      export {};`,
    'lib/shapes.d.ts': `export interface Round { r: number }\nexport interface Square { a: number }\n`,
    'lib/cache.d.ts': `export declare class Cache { private readonly driver; get(key: string): string }\n`,
    'lib/driver.d.ts': `export declare class Driver {}\n`,
  });

  await pruneDeclarations(folder, ['entry.d.ts']);

  expect(await files()).toEqual([
    'entry.d.ts',
    'lib/cache.d.ts',
    'lib/level.d.ts',
    'lib/open.d.ts',
    'lib/shapes.d.ts',
  ]);
  const open = await readFile(join(folder, 'lib/open.d.ts'), 'utf8');
  expect(open).toContain('/** Kept with its words. */');
  expect(open).toContain(`import { type Level } from './level.js';`);
  expect(open).toContain(`import { type Pool } from 'some-driver';`);
  expect(open).toContain('open(name: string)');
  expect(open).not.toMatch(/Client|Hidden|connect|declare global/);
  const level = await readFile(join(folder, 'lib/level.d.ts'), 'utf8');
  expect(level).toContain('declare const names');
  expect(level).not.toContain('Hidden');
  expect(await readFile(join(folder, 'lib/shapes.d.ts'), 'utf8')).not.toContain('Square');
});
