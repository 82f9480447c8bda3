import type { Description, Section } from '../lib/core/schema/section.js';
import { Catalog } from './config/catalog.js';
import { jsonSchemaOf } from './config/json-schema.js';
import { settingsTable } from './config/settings-table.js';
import { withTable } from './markdown.js';
import type { LoadedCommands } from './program.js';
import { renderReference } from './reference.js';

/** Folders of the project, what they hold, and which paths their files may import. */
interface Folder {
  readonly files: readonly string[];
  readonly holds: string;
  readonly imports: readonly string[];
}

/**
 * The files that follow from the declarations, by their paths in the repository: the command reference, the JSON
 * schemas, and parts of pages: tables of settings, and the list of folders.
 * @param read a page as it is
 */
export async function generated(
  commands: LoadedCommands,
  sections: readonly Section[],
  descriptions: readonly Description[],
  folders: readonly Folder[],
  read: (name: string) => Promise<string>,
): Promise<Record<string, string>> {
  const files: Record<string, string> = {
    'docs/commands.md': renderReference(commands, sections),
    'schema/metrify.config.json': json(new Catalog(sections).file, 'The configuration of metrify'),
  };
  let page = await read('docs/configuration.md');
  page = withTable(page, 'settings', settingsTable(new Catalog(sections).environment));
  for (const { key, described } of sections) {
    if (!described) continue;
    page = withTable(page, key, settingsTable(described.schema));
  }
  for (const { code, schema, what } of descriptions)
    files[`schema/${code.toLowerCase()}.json`] = json(schema, `The description of ${what}`);
  files['docs/configuration.md'] = page;
  files['docs/architecture.md'] = withTable(
    await read('docs/architecture.md'),
    'folders',
    folderList(folders),
  );
  return files;
}

function folderList(folders: readonly Folder[]): string {
  return folders
    .map(({ files, holds, imports }) => {
      const allowed = imports.length > 0 ? ` → ${namesOf(imports)}` : '';
      return `- ${namesOf(files)}: ${holds}${allowed}`;
    })
    .join('\n');
}

/** From `src/`, and those of one folder together: `lib/{http, core}`. */
function namesOf(paths: readonly string[]): string {
  const names = paths.map((path) => path.replace(/^src\//, '').replace(/\/$/, ''));
  const parentOf = (name: string) => name.slice(0, name.indexOf('/') + 1);
  return [...new Set(names.map(parentOf))]
    .flatMap((parent) => {
      const children = names
        .filter((name) => parentOf(name) === parent)
        .map((name) => name.slice(parent.length));
      return parent !== '' && children.length > 1
        ? `${parent}{${children.join(', ')}}`
        : children.map((child) => parent + child);
    })
    .map((name) => `\`${name}\``)
    .join(', ');
}

function json(schema: Parameters<typeof jsonSchemaOf>[0], title: string): string {
  return `${JSON.stringify(jsonSchemaOf(schema, title), null, 2)}\n`;
}
