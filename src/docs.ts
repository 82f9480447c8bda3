import { mkdir, readFile, writeFile } from 'node:fs/promises';

import { folders } from '../lint/import-direction.js';
import { descriptions, sections } from './commands/sections.js';
import { commandTable } from './commands/table.js';
import { typeTable } from './lib/columnar/postgres/type-table.js';
import { generated } from './runtime/generated.js';
import { markdownTable, withTable } from './runtime/markdown.js';
import { loadAll } from './runtime/program.js';

/* `npm run docs`: everything in the repository that follows from the declarations. */
const root = new URL('../', import.meta.url);
const read = (name: string) => readFile(new URL(name, root), 'utf8');
const pages = await generated(await loadAll(commandTable), sections, descriptions, folders, read);
pages['docs/export-types.md'] = withTable(
  await read('docs/export-types.md'),
  'types',
  markdownTable(['PostgreSQL', 'In files', 'Elsewhere'], typeTable()),
);
await mkdir(new URL('schema', root), { recursive: true });
for (const [name, text] of Object.entries(pages)) await writeFile(new URL(name, root), text);
