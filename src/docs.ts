import { mkdir, readFile, writeFile } from 'node:fs/promises';

import { folders } from '../lint/import-direction.js';
import { descriptions, sections } from './commands/sections.js';
import { commandTable } from './commands/table.js';
import { generated } from './runtime/generated.js';
import { loadAll } from './runtime/program.js';

/* `npm run docs`: everything in the repository that follows from the declarations. */
const root = new URL('../', import.meta.url);
const pages = await generated(await loadAll(commandTable), sections, descriptions, folders, (name) =>
  readFile(new URL(name, root), 'utf8'),
);
await mkdir(new URL('schema', root), { recursive: true });
for (const [name, text] of Object.entries(pages)) await writeFile(new URL(name, root), text);
