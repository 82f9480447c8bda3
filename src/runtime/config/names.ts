import type { Section } from '../../lib/core/schema/section.js';
import { Catalog } from './catalog.js';
import { parseConfig } from './file.js';
import { findConfig } from './find.js';
import { label } from '../../lib/core/written/label.js';
import { loadSettings, type SettingsInput } from './load.js';

/**
 * The names that the configuration in force gives: its `environments`, or what a section has `names` of, in the
 * environment that is chosen. Connects to nothing.
 * @throws UserError when there is no such configuration, or it is bad
 */
export async function configuredNames(
  kind: string,
  sections: readonly Section[],
  input: SettingsInput,
): Promise<string[]> {
  if (kind === 'environments') return environments(sections, input);
  const { settings } = await loadSettings(sections, input);
  const values = settings as unknown as Record<string, unknown>;
  return sections.flatMap(({ key, names }) => {
    const value = values[key];
    return (value === undefined || value === null ? undefined : names?.(value)[kind]) ?? [];
  });
}

/** All of them, also when none is chosen yet. */
async function environments(sections: readonly Section[], input: SettingsInput): Promise<string[]> {
  const found = await findConfig(input);
  if (!found) return [];
  return [
    ...parseConfig(found.text, label(found.path, input.cwd), new Catalog(sections)).environments.keys(),
  ];
}
