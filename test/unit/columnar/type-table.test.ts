import { readFile } from 'node:fs/promises';

import { expect, it } from 'vitest';

import { typeTable } from '../../../src/lib/columnar/postgres/type-table.js';
import { markdownTable, withTable } from '../../../src/runtime/markdown.js';

it('the page on types has the types of today; npm run docs writes it', async () => {
  const page = await readFile(new URL('../../../docs/export-types.md', import.meta.url), 'utf8');
  const table = markdownTable(['PostgreSQL', 'In files', 'Elsewhere'], typeTable());
  expect(withTable(page, 'types', table)).toBe(page);
});
