import { readFile } from 'node:fs/promises';

import { expect, it } from 'vitest';

import { sections } from '../../src/commands/sections.js';
import { commandTable } from '../../src/commands/table.js';
import { loadAll } from '../../src/runtime/program.js';
import { renderReference } from '../../src/runtime/reference.js';

it('docs/commands.md says what the declarations say', async () => {
  const page = await readFile(new URL('../../docs/commands.md', import.meta.url), 'utf8').catch(() => '');
  const rendered = renderReference(await loadAll(commandTable), sections);
  expect(page === rendered, 'docs/commands.md is out of date: run `npm run docs`').toBe(true);
});

it('the reference leaves nothing undeclared behind', async () => {
  const rendered = renderReference(await loadAll(commandTable), sections);
  expect(rendered).not.toMatch(/undefined|\[object|NaN/);
  const headings = [...rendered.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title!.replaceAll(' ', '-'));
  const links = [...rendered.matchAll(/\]\(#([^)]*)\)/g)].map(([, target]) => target!);
  expect(links.filter((target) => !headings.includes(target))).toEqual([]);
  expect(links).toContain('metrify-cache-cluster-check');
});
