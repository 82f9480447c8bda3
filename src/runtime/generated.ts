import type { Section } from '../lib/core/schema/section.js';
import { Catalog } from './config/catalog.js';
import { jsonSchemaOf } from './config/json-schema.js';
import { settingsTable, withTable } from './config/settings-table.js';
import type { LoadedCommands } from './program.js';
import { renderReference } from './reference.js';

/**
 * The files that follow from the declarations, by their paths in the repository: the command reference, the JSON
 * schemas, and the tables of settings within pages.
 * @param read a page as it is
 */
export async function generated(
  commands: LoadedCommands,
  sections: readonly Section[],
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
    files[`schema/${described.code.toLowerCase()}.json`] = json(
      described.schema,
      `The description of ${described.what}`,
    );
  }
  files['docs/configuration.md'] = page;
  return files;
}

function json(schema: Parameters<typeof jsonSchemaOf>[0], title: string): string {
  return `${JSON.stringify(jsonSchemaOf(schema, title), null, 2)}\n`;
}
