import type { LevelType } from '../../lib/cache/settings.js';
import { Document, type Path } from './document.js';
import { InvalidConfiguration } from './problems.js';
import type { WrittenRollout } from './rollout.js';
import { fileSchema } from './schema.js';
import type { Reference } from './secrets.js';
import { contradictions } from './semantics.js';
import { misshapen } from './shape.js';

type Section = Record<string, unknown>;

/** One environment as it is written: checked, nothing resolved. */
export interface EnvironmentInput extends Section {
  redis?: Section & { url?: unknown; nodes?: (string | Reference)[] };
  cache?: {
    levels?: { name: string; type: LevelType; size?: string; ttl?: string; table?: string }[];
    tiers?: { pattern: string; levels: string[] }[];
    writeBehind?: Section & { tables?: Record<string, { key: string[] }> };
  };
  rollouts?: WrittenRollout[];
}

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
export function parseConfig(text: string, label: string): ConfigFile {
  const document = new Document(text, label);
  const findings = misshapen(fileSchema(), document.data);
  const environments = new Map(findings.length > 0 ? [] : environmentsOf(document.data));
  for (const [name, input] of environments) {
    const at = ['environments', name];
    if (!/^[A-Za-z0-9._-]+$/.test(name))
      findings.push({
        path: at,
        message: `'${name}' is no name: letters, digits, dot, dash and underscore only`,
        ofKey: true,
      });
    for (const found of contradictions(input)) findings.push({ ...found, path: [...at, ...found.path] });
  }
  if (findings.length > 0) throw new InvalidConfiguration(document.locate(findings));
  return { environments, at: (path) => document.at(path), warnings: document.warnings };
}

/** Of data that has the file's shape. */
function environmentsOf(data: unknown): [string, EnvironmentInput][] {
  return Object.entries((data as { environments: Record<string, EnvironmentInput> }).environments);
}
