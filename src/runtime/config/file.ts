import type { Finding } from '../../lib/core/schema/findings.js';
import type { Path } from '../../lib/core/schema/walk.js';
import type { Catalog } from './catalog.js';
import { Document } from '../../lib/core/written/document.js';
import { InvalidConfiguration } from '../../lib/core/written/problems.js';
import { checkWritten } from '../../lib/core/written/written.js';

/** One environment as it is written: checked, its references `Unresolved`. */
export type EnvironmentInput = Readonly<Record<string, unknown>>;

export interface ConfigFile {
  environments: Map<string, EnvironmentInput>;
  /** `FILE:LINE:COL` of a value, or of what is nearest above it. */
  at(path: Path): string;
  warnings: string[];
}

/**
 * @param label the file's name as messages show it
 * @throws InvalidConfiguration with every problem of the whole file
 */
export function parseConfig(text: string, label: string, catalog: Catalog): ConfigFile {
  const document = new Document(text, label);
  const { data, value, findings } = checkWritten(catalog.file, document.data);
  const environments = new Map<string, EnvironmentInput>();
  for (const [name, read] of Object.entries(value?.environments ?? {})) {
    const at = ['environments', name];
    environments.set(name, (data as { environments: Record<string, EnvironmentInput> }).environments[name]!);
    if (!/^[A-Za-z0-9._-]+$/.test(name))
      findings.push({
        path: at,
        message: `'${name}' is not a name: letters, digits, dot, dash and underscore only`,
        ofKey: true,
      });
    for (const found of contradictionsOf(read as EnvironmentInput, catalog))
      findings.push({ ...found, path: [...at, ...found.path] });
  }
  if (findings.length > 0) throw new InvalidConfiguration(document.locate(findings));
  return { environments, at: (path) => document.at(path), warnings: document.warnings };
}

/** What a schema cannot say of one environment. */
function contradictionsOf(read: EnvironmentInput, { sections }: Catalog): Finding[] {
  return sections.flatMap(({ key, contradictions }) =>
    read[key] === undefined || contradictions === undefined
      ? []
      : contradictions(read[key] as never).map((found) => ({ ...found, path: [key, ...found.path] })),
  );
}
