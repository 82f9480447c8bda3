import { writeFile } from 'node:fs/promises';

import { sections } from './commands/sections.js';
import { commandTable } from './commands/table.js';
import { loadAll } from './runtime/program.js';
import { renderReference } from './runtime/reference.js';

/** `npm run docs`. */
const page = new URL('../docs/commands.md', import.meta.url);
await writeFile(page, renderReference(await loadAll(commandTable), sections));
