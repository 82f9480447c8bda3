import { readFile } from 'node:fs/promises';

import { expect, it } from 'vitest';

import { folders } from '../../lint/import-direction.js';
import { descriptions, sections } from '../../src/commands/sections.js';
import { commandTable } from '../../src/commands/table.js';
import { generated } from '../../src/runtime/generated.js';
import { loadAll } from '../../src/runtime/program.js';
import { renderReference } from '../../src/runtime/reference.js';

const read = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8').catch(() => '');

it('what is generated from the declarations says what they say', async () => {
  const files = await generated(await loadAll(commandTable), sections, descriptions, folders, read);
  expect(Object.keys(files)).toHaveLength(6);
  for (const [name, text] of Object.entries(files))
    expect((await read(name)) === text, `${name} is out of date: run \`npm run docs\``).toBe(true);
});

it('the reference leaves nothing undeclared behind', async () => {
  const rendered = renderReference(await loadAll(commandTable), sections);
  expect(rendered).not.toMatch(/undefined|\[object|NaN/);
  const headings = [...rendered.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title!.replaceAll(' ', '-'));
  const links = [...rendered.matchAll(/\]\(#([^)]*)\)/g)].map(([, target]) => target!);
  expect(links.filter((target) => !headings.includes(target))).toEqual([]);
  expect(links).toContain('metrify-cache-cluster-check');
});
